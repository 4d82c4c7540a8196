/** The table of the decision bench, or its one JSON object. Called by decision.ts. */
import Table from 'cli-table3';
import type { DecisionFigures } from './measure.ts';
import type { DecisionBenchResult, DecisionRow } from './result.ts';

type Column = readonly [title: string, figure: keyof DecisionFigures];

const COLUMNS: readonly Column[] = [
  ['FPIR', 'fpir'],
  ['up to', 'fpirUpper95'],
  ['FNIR', 'fnir'],
  ['wrong name', 'wrongName'],
  ['rank-1', 'rank1'],
  ['worst tenth', 'rank1WorstTenth'],
  ['new right', 'newcomersRight'],
  ['new wrong', 'newcomersWrong'],
  ['FAR', 'far'],
  ['FNMR', 'fnmr'],
];

export function printDecision(result: DecisionBenchResult, json: boolean): void {
  if (json) return console.log(JSON.stringify(result));
  const { people, images, strangers, strangerImages } = result.counts;
  const others = strangers === 0 ? '' : `; ${strangers} strangers with ${strangerImages} images`;
  console.log(
    `${people} people with ${images} images${others}. Means of seeds ${result.seeds.join(', ')}, in percent:`,
  );
  const head = ['', 'set by', 'people', 'target', ...COLUMNS.map(([title]) => title)];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const row of result.rows) table.push(cells(row));
  console.log(table.toString());
}

const cells = ({ contender, setBy, people, target, mean, perDivision }: DecisionRow) => [
  contender,
  setBy,
  String(people),
  percent(target),
  ...COLUMNS.map(([, figure]) =>
    figure === 'fpir' ? `${percent(mean.fpir)} (${range(perDivision)})` : percent(mean[figure]),
  ),
];

function range(divisions: readonly DecisionFigures[]): string {
  const shares = divisions.map(({ fpir }) => fpir);
  return `${percent(Math.min(...shares))}-${percent(Math.max(...shares))}`;
}

const percent = (share: number) => (100 * share).toFixed(Math.abs(share) < 0.01 ? 2 : 1);
