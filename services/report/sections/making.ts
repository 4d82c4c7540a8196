/** How the candidate was made and how fast it is: speed, learning curve, and the data that it was made and judged with. */
import type { Performance } from '../../../contracts/verification.ts';
import { learningChart } from '../charts.ts';
import type { DataSummary } from '../data-summary.ts';
import { html, name, type Html, type HtmlValue } from '../html.ts';
import { nothing, section, table, type ReportInput } from '../input.ts';
import { count, number } from '../words.ts';

export function speedPart({ report: { candidate, champion, durationMs } }: ReportInput): Html {
  const [now, before] = [candidate.performance, champion?.performance ?? null];
  const row = (what: string, valueOf: (performance: Performance) => number) => [
    what,
    number(valueOf(now)),
    ...(champion ? [before ? number(valueOf(before)) : '-'] : []),
  ];
  const rows = [
    row('half of the images within, ms', ({ latencyMs }) => latencyMs.p50),
    row('95 of 100 within, ms', ({ latencyMs }) => latencyMs.p95),
    row('99 of 100 within, ms', ({ latencyMs }) => latencyMs.p99),
    row('slowest, ms', ({ latencyMs }) => latencyMs.max),
    row('images/s, several requests at once', ({ imagesPerSecond }) => imagesPerSecond),
    row('timed images', ({ requests }) => requests),
  ];
  return section(
    'speed',
    'Speed',
    html`${table('Speed', ['one image through the model', 'candidate', ...(champion ? ['champion'] : [])], rows)}
      <p class="note">The verification took ${number(durationMs.total / 1000)} s on the machine of the verifier.</p>`,
  );
}

export function trainingPart({ curve }: ReportInput): Html {
  return section('training', 'Training', trainingContent(curve));
}

function trainingContent(curve: ReportInput['curve']): Html {
  const last = curve?.points.at(-1);
  if (!curve || !last)
    return nothing('There is no learning curve: the training told nothing of its epochs, or it is gone.');
  const keys = [
    { color: 'candidate', text: 'training loss', has: true, isDashed: false },
    {
      color: 'newcomers',
      text: 'validation loss',
      has: curve.points.some((it) => it.validationLoss != null),
      isDashed: false,
    },
    {
      color: 'champion',
      text: 'validation rank-1',
      has: curve.points.some((it) => it.validationRank1 !== null),
      isDashed: true,
    },
  ].filter(({ has }) => has);
  return html`<figure>
    <p class="keys">
      ${keys.map(
        ({ color, text, isDashed }) =>
          html`<span class="key"
            ><span class="swatch ${color}${isDashed ? ' dashed' : ''}" aria-hidden="true"></span>${text}</span
          >`,
      )}
    </p>
    ${learningChart(curve)}
    <figcaption>${count(curve.points.length, 'epoch')}, loss ${number(last.loss)} after the last.</figcaption>
  </figure>`;
}

export function dataPart(input: ReportInput): Html {
  const { report, data, noun } = input;
  const { people, images, probes, heldOut, strangers } = report.data;
  const from = strangers.from === 'source' ? 'a source of their own' : `the ${noun.many} held out`;
  const facts: readonly (readonly [string, HtmlValue])[] = [
    [`enrolled ${noun.many}`, people],
    ['their images', images],
    ['probes', probes],
    [`${noun.many} held out of training`, heldOut],
    ['strangers', `${strangers.people}, ${count(strangers.images, 'image')}, from ${from}`],
    ...(data ? factsOf(data) : []),
  ];
  return section(
    'data',
    'Data',
    html`<dl class="facts">
        ${facts.map(
          ([term, value]) =>
            html`<div>
              <dt>${term}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
      </dl>
      ${data ? sources(data) : nothing('The snapshot itself is no longer stored.')}`,
  );
}

const factsOf = ({ image, counts }: DataSummary): readonly (readonly [string, HtmlValue])[] => [
  ['size of an image', `${image.width} x ${image.height}, ${image.channels === 1 ? 'grey' : 'colour'}`],
  ['trained on', count(counts.train, 'image')],
  ['watched during training', count(counts.validation, 'image')],
];

function sources({ sources: all, quarantined, quarantinedTotal, quarantinedListed }: DataSummary): Html {
  const cut = quarantinedTotal > quarantinedListed ? `; of the first ${quarantinedListed}` : '';
  const reasons = quarantined.map(({ reason, count: n }) => `${n} ${reason}`).join(', ');
  return html`${table(
      'Sources',
      ['source', 'type', 'samples', 'quarantined'],
      all.map(({ name: source, type, samples, quarantined: refused }) => [name(source), type, samples, refused]),
      { words: [1] },
    )}
    <p class="after">Quarantined: ${quarantinedTotal === 0 ? 'none' : `${quarantinedTotal}${cut}: ${reasons}`}.</p>
    ${all.map(passedOver)}`;
}

function passedOver({ name: source, passedOver: kinds = {} }: DataSummary['sources'][number]): Html {
  const list = Object.entries(kinds).map(([kind, n]) => `${n} x ${kind}`);
  return list.length === 0 ? html`` : html`<p class="after">Passed over in ${source}: ${list.join(', ')}.</p>`;
}
