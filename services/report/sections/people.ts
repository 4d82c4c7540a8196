/** Whom the means hide: people and slices that fare worst, and those who were called by their name until today. */
import type { Accuracy, ShareBounds, VerificationReport } from '../../../contracts/verification.ts';
import { html, name, type Html } from '../html.ts';
import { folded, nothing, section, table, type ReportInput } from '../input.ts';
import { count, percent, percentOrDash } from '../words.ts';

const PEOPLE_SHOWN = 10;
const NAMES_SHOWN = 10;

export function worstPart({ report, noun }: ReportInput): Html {
  const { worstPeople, slices } = report.candidate.accuracy;
  // A person whose images are all right is not among the worst, however few people there are.
  const wrong = worstPeople.filter(({ rank1 }) => rank1 < 1);
  const former = new Map(report.champion?.accuracy.slices.map((slice) => [slice.tag, slice.figures]));
  return section(
    'worst',
    `Worst ${noun.many} and slices`,
    html`<div class="columns">
      <div>
        <h3>${noun.many}, by rank-1</h3>
        ${wrong.length === 0 ? nothing('None: the best match of every image is right.') : folded(wrong, PEOPLE_SHOWN, peopleTable)}
      </div>
      <div>
        <h3>slices, by source and tag; ≤ is the upper 95 % bound</h3>
        ${slices.length === 0 ? nothing('No image has a tag.') : slicesTable(slices, former)}
      </div>
    </div>`,
  );
}

function peopleTable(people: readonly Accuracy['worstPeople'][number][]): Html {
  const row = ({ person, rank1, probes }: Accuracy['worstPeople'][number]) => [
    name(person),
    html`${percent(rank1)}
      <span class="meter" aria-hidden="true"><span style="width:${(100 * rank1).toFixed(1)}%"></span></span>`,
    probes,
  ];
  return table('Worst by rank-1', ['name', 'rank-1', 'probes'], people.map(row));
}

type Figures = Accuracy['slices'][number]['figures'];

/** Worst first. */
function slicesTable(slices: Accuracy['slices'], former: ReadonlyMap<string, Figures>): Html {
  const sorted = [...slices].sort((a, b) => b.figures.fnir - a.figures.fnir);
  const row = ({ tag, figures }: Accuracy['slices'][number]) => [
    name(tag),
    withBound(percent(figures.fnir), figures.bounds?.fnir),
    ...(former.size > 0 ? [percentOrDash(former.get(tag)?.fnir)] : []),
    percent(figures.wrongName),
    figures.probes,
  ];
  const head = ['slice', 'FNIR', ...(former.size > 0 ? ['champion'] : []), 'wrong names', 'probes'];
  return table('Slices', head, sorted.map(row));
}

/** A table of five columns has no room for both bounds on a telephone. */
const withBound = (share: string, bounds: ShareBounds | undefined): Html =>
  bounds ? html`${share}<br /><small>≤ ${percent(bounds.upper)}</small>` : html`${share}`;

export function namesPart({ report: { comparison, champion } }: ReportInput): Html {
  return section('names', 'Names that changed', namesContent(comparison, champion !== null));
}

function namesContent(comparison: VerificationReport['comparison'], hasChampion: boolean): Html {
  if (comparison === null) {
    return nothing(hasChampion ? 'The champion was not compared on the same probes.' : 'There is no champion.');
  }
  const { namesLost, namesLostTotal } = comparison;
  if (namesLostTotal === 0) return nothing('None: no image that the champion names rightly gets another name.');
  const cut = namesLostTotal > namesLost.length ? `, of which the report keeps ${namesLost.length}` : '';
  const rows = (lost: readonly (typeof namesLost)[number][]) =>
    table(
      'Names that changed',
      ['right name', 'name now', 'image'],
      lost.map(({ person, found, probe }) => [
        name(person),
        found === null ? 'two alike' : name(found),
        html`<span class="path">${name(probe)}</span>`,
      ]),
      { words: [1, 2] },
    );
  return html`<p>
      ${count(namesLostTotal, 'image')} that the champion names rightly and the candidate calls by another name${cut}.
    </p>
    ${folded(namesLost, NAMES_SHOWN, rows)}`;
}
