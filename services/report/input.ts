/** All that a report is drawn from. The parts beside the report itself may be gone: the page says so in their place. */
import type { Noun } from '../../contracts/configuration/noun.ts';
import type { DataSheet } from '../../contracts/data-sheet.ts';
import type { LearningCurve } from '../../contracts/training.ts';
import type { Evidence, VerificationReport } from '../../contracts/verification.ts';
import type { DataSummary } from './data-summary.ts';
import { html, type Html, type HtmlValue } from './html.ts';

export interface ReportInput {
  readonly report: VerificationReport;
  readonly evidence: Evidence | null;
  readonly curve: LearningCurve | null;
  readonly data: DataSummary | null;
  readonly sheet: DataSheet | null;
  readonly noun: Noun;
}

/** A part of the page under a heading. */
export const section = (id: string, title: string, content: HtmlValue): Html =>
  html`<section id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title">${title}</h2>
    ${content}
  </section>`;

/** A sentence in place of something that is not there. */
export const nothing = (sentence: string): Html => html`<p class="note">${sentence}</p>`;

/** Wide tables scroll in themselves, by keyboard too. Cells from the second on are numbers unless `words` names them. */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly HtmlValue[])[],
  { words = [] }: { words?: readonly number[] } = {},
): Html {
  const kind = (column: number) => (column > 0 && !words.includes(column) ? 'number' : 'words');
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${caption}">
    <table>
      <thead>
        <tr>
          ${head.map((text, i) => html`<th scope="col" class="${kind(i)}">${text}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map((cell, i) =>
                i === 0 ? html`<th scope="row">${cell}</th>` : html`<td class="${kind(i)}">${cell}</td>`,
              )}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** The first rows, and the others behind a line that opens them; no script is needed. */
export function folded<T>(all: readonly T[], shown: number, render: (part: readonly T[]) => Html): Html {
  const rest = all.slice(shown);
  if (rest.length === 0) return render(all);
  return html`${render(all.slice(0, shown))}
    <details>
      <summary>${rest.length} more</summary>
      ${render(rest)}
    </details>`;
}
