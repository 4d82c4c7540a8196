/**
 * The report of a verification as one HTML file: verdict first, then figures, threshold, people, mistakes, speed and
 * data. It needs no network and no script; every text in it is escaped. Pure. The command line writes it.
 */
import { html, trusted, type Html } from './html.ts';
import type { ReportInput } from './input.ts';
import { dataPicturesPart } from './sections/data-pictures.ts';
import { decisionPart } from './sections/decision.ts';
import { dataPart, speedPart, trainingPart } from './sections/making.ts';
import { namesPart, worstPart } from './sections/people.ts';
import { picturesPart } from './sections/pictures.ts';
import { figuresPart, gatesPart, verdictPart } from './sections/verdict.ts';
import { STYLE } from './style.ts';
import { VERDICT_WORDS } from './words.ts';

/** Nothing is loaded and nothing runs: the page has its own styles, and its pictures in itself. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

export function reportHtml(input: ReportInput): string {
  const { runId, model, verdict } = input.report;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>${VERDICT_WORDS[verdict]}: ${model}, ${runId}</title>
        <style>
          ${trusted(STYLE)}
        </style>
      </head>
      <body>
        <main>
          ${verdictPart(input)} ${figuresPart(input)} ${gatesPart(input)} ${decisionPart(input)} ${worstPart(input)}
          ${namesPart(input)} ${picturesPart(input)}
          <div class="pair">${speedPart(input)} ${trainingPart(input)}</div>
          ${dataPart(input)} ${dataPicturesPart(input)}
        </main>
        ${footer(input)}
      </body>
    </html> `.html;
}

function footer({ report: { candidate, champion, format } }: ReportInput): Html {
  return html`<footer>
    <p>Candidate ${candidate.digest}${champion ? `; champion ${champion.digest}` : ''}.</p>
    <p>${format}. docs/report.md says how to read this page, docs/decision.md what is promised.</p>
  </footer>`;
}
