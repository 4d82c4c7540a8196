/** The top of the report: the verdict with its reasons, the five figures, and the gates. */
import type { Gate, PastFigures } from '../../../contracts/verification.ts';
import { fiveFigures, type Figure } from '../figures.ts';
import { html, type Html } from '../html.ts';
import { section, type ReportInput } from '../input.ts';
import { consequence, refitSentence, number, percent, percentOrDash, points, VERDICT_WORDS } from '../words.ts';

const VERDICT_MARKS = { blessed: '\u2713', rejected: '\u2717', inconclusive: '?' } as const;

export function verdictPart({ report }: ReportInput): Html {
  const { verdict, reasons, model, runId } = report;
  const list =
    reasons.length > 0
      ? html`<ul class="reasons">
          ${reasons.map((reason) => html`<li>${reason}</li>`)}
        </ul>`
      : null;
  return html`<header class="verdict ${verdict}">
    <p class="kicker">Verification of ${model}, ${runId}</p>
    <h1><span class="mark" aria-hidden="true">${VERDICT_MARKS[verdict]}</span> ${VERDICT_WORDS[verdict]}</h1>
    <p>${consequence(report)}</p>
    ${report.refit ? html`<p>${refitSentence(report.refit.serves)}</p>` : null} ${list}
  </header>`;
}

export function figuresPart({ report, noun }: ReportInput): Html {
  const figures = fiveFigures(report, noun);
  return section(
    'figures',
    'The five figures that matter',
    html`<ul class="cards">
        ${figures.map((figure) => card(figure, report.champion !== null))}
      </ul>
      ${report.champion === null ? html`<p class="note">There is no champion to compare with.</p>` : null}
      ${report.best === null ? null : bestOf(report.best)}`,
  );
}

const bestOf = ({ rank1PerPerson, fnir, tar }: PastFigures): Html =>
  html`<p class="note">
    The best of the releases before, by each figure: FNIR ${percent(fnir)}, rank-1 ${percent(rank1PerPerson)}, true
    accepts of verify ${percent(tar)}.
  </p>`;

function card({ title, meaning, candidate, champion, better, bound, difference }: Figure, compared: boolean): Html {
  return html`<li>
    <h3>${title}</h3>
    <p class="big">${percentOrDash(candidate)}</p>
    ${bound === null ? null : html`<p class="bound">${bound}</p>`}
    ${compared ? html`<p>champion ${percentOrDash(champion)}</p>` : null}
    ${difference === null ? null : html`<p class="bound">${changeOf(difference, better)}</p>`}
    <p class="meaning">${meaning}</p>
  </li>`;
}

/** Better or worse only where the bounds of the paired difference leave no doubt. */
function changeOf({ difference, lower, upper }: NonNullable<Figure['difference']>, better: Figure['better']): Html {
  const range = `${points(difference)} points (${points(lower)} to ${points(upper)})`;
  if (lower <= 0 && upper >= 0) return html`no clear difference: ${range}`;
  const isBetter = difference < 0 === (better === 'lower');
  return html`<span class="${isBetter ? 'good' : 'bad'}">${isBetter ? 'better' : 'worse'}</span>: ${range}`;
}

const OUTCOME_MARKS = { held: '\u2713', broken: '\u2717', undecided: '?' } as const;
const OUTCOME_ORDER: readonly Gate['outcome'][] = ['broken', 'undecided', 'held'];

export function gatesPart({ report }: ReportInput): Html {
  const gates = [...report.gates, ...(report.refit?.gates ?? [])];
  const sorted = [...gates].sort((a, b) => OUTCOME_ORDER.indexOf(a.outcome) - OUTCOME_ORDER.indexOf(b.outcome));
  const counted = OUTCOME_ORDER.map((outcome) => [gates.filter((gate) => gate.outcome === outcome).length, outcome])
    .filter(([n]) => n !== 0)
    .map((pair) => pair.join(' '));
  return section(
    'gates',
    'Gates',
    html`<p>${counted.length > 0 ? counted.join(', ') : 'No gate was asked for'}.</p>
      <ul class="gates">
        ${sorted.map(gateItem)}
      </ul>`,
  );
}

const gateItem = ({ name, value, limit, outcome, message }: Gate): Html =>
  html`<li>
    <p class="outcome ${outcome}"><span aria-hidden="true">${OUTCOME_MARKS[outcome]} </span>${outcome}</p>
    <p class="gate">${name}</p>
    <p class="measured">${measured(value, limit)}</p>
    <p class="message">${message}</p>
  </li>`;

const measured = (value: number | null, limit: number | null): string =>
  [
    ...(value === null ? ['not measured'] : [number(value)]),
    ...(limit === null ? [] : [`limit ${number(limit)}`]),
  ].join(', ');
