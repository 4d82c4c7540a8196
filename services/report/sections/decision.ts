/** How the threshold decides: error trade-off, scores, and the promises of identify and verify with their bounds. */
import type { Accuracy, ShareBounds } from '../../../contracts/verification.ts';
import { detChart, scoreChart } from '../charts.ts';
import { html, type Html, type HtmlValue } from '../html.ts';
import { nothing, section, table, type ReportInput } from '../input.ts';
import { percent, score } from '../words.ts';

export function decisionPart(input: ReportInput): Html {
  const { report, evidence } = input;
  return section(
    'threshold',
    'Threshold',
    html`${promises(input)}
    ${
      evidence === null
        ? nothing('The curves of this run are no longer stored.')
        : html`<div class="charts">${detFigure(input, evidence.det)}${scoreFigure(report, evidence.histogram)}</div>`
    }`,
  );
}

type Evidence = NonNullable<ReportInput['evidence']>;

const key = (color: string, text: string, isDashed = false) =>
  html`<span class="key"
    ><span class="swatch ${color}${isDashed ? ' dashed' : ''}" aria-hidden="true"></span>${text}</span
  >`;

function detFigure({ report, noun }: ReportInput, det: Evidence['det']): Html {
  const keys = [key('candidate', 'candidate'), ...(det.champion ? [key('champion', 'champion', true)] : [])];
  return html`<figure>
    <p class="keys">${keys}</p>
    ${detChart({ report, det })}
    <figcaption>
      To the left fewer strangers are let in, and further up more enrolled ${noun.many} are kept out. The dot is the
      threshold that serves; the bar through it spans the 95&nbsp;% bounds of its FPIR.
    </figcaption>
  </figure>`;
}

function scoreFigure({ candidate }: ReportInput['report'], histogram: Evidence['histogram']): Html {
  const isEmpty = [...histogram.staff, ...histogram.newcomers, ...histogram.strangers].every((n) => n === 0);
  if (isEmpty) return nothing('No search gave a score.');
  const { threshold } = candidate.accuracy.identify;
  return html`<figure>
    <p class="keys">${key('threshold', `threshold ${score(threshold)}`, true)}</p>
    ${scoreChart(histogram, threshold)}
    <figcaption>
      The best score of each search under the candidate, by group, with the number of searches. Everything to the right
      of the threshold is known, unless the second best lies too near.
    </figcaption>
  </figure>`;
}

function promises({ report, noun }: ReportInput): Html {
  const { promise, candidate, champion } = report;
  const rows = [
    { who: 'candidate', accuracy: candidate.accuracy },
    ...(champion ? [{ who: 'champion', accuracy: champion.accuracy }] : []),
  ];
  const { identify, verify, people } = candidate.accuracy;
  return html`<ul class="sentences">
      <li><strong>identify:</strong> ${identify.fpir.sentence}.</li>
      <li>
        <strong>verify:</strong> ${verify.far.sentence}. It passes ${percent(verify.tar)} of own
        comparisons${atLeast(verify.tarBounds)}.
      </li>
      <li>
        The thresholds hold for ${people} enrolled ${noun.many}; identify also asks that the second best lies
        ${score(promise.margin)} lower.
      </li>
    </ul>
    ${table(
      'Thresholds and promises',
      ['model', 'threshold', 'measured', 'promise'],
      rows.flatMap(({ who, accuracy }) => [
        promiseRow(who, 'identify', promise.fpir, accuracy.identify.threshold, accuracy.identify.fpir),
        promiseRow(who, 'verify', promise.far, accuracy.verify.threshold, accuracy.verify.far),
      ]),
    )}`;
}

const atLeast = (bounds: ShareBounds | undefined) =>
  bounds ? `, with 95 % confidence more than ${percent(bounds.lower)}` : '';

const promiseRow = (
  who: string,
  decision: string,
  promised: number,
  threshold: number,
  { share, lower, upper, verdict }: Accuracy['identify']['fpir'],
): HtmlValue[] => [
  html`${who}<span class="message">${decision}</span>`,
  score(threshold),
  html`${percent(share)}<span class="message">${percent(lower)} to ${percent(upper)}</span>`,
  html`${verdict}<span class="message">${percent(promised)} promised</span>`,
];
