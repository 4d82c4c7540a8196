/** `nightshift compare <run> <run>`: two runs side by side: verdicts, figures, speed, and what was set otherwise. */
import type { NatsConnection } from 'nats';
import type { Answer } from '../../contracts/api.ts';
import type { CarriedPipeline } from '../../contracts/configuration/carried.ts';
import type { Noun } from '../../contracts/configuration/noun.ts';
import { stateInWords } from '../../contracts/run-words.ts';
import { API } from '../../contracts/subjects.ts';
import { fiveFigures } from '../../services/report/figures.ts';
import { percentOrDash } from '../../services/report/words.ts';
import { differences, type Difference } from '../config-diff.ts';
import type { GlobalOptions } from '../global-options.ts';
import { nounOf, readVerdict, type Judged } from '../verdict-view.ts';
import { withClient } from '../with-client.ts';
import { createTable } from '../table.ts';

type Run = Answer<typeof API.run>;

interface Side {
  readonly run: Run;
  readonly judged: Judged | null;
}

/** A figure of two runs; null where one has none. */
export interface ComparedFigure {
  readonly figure: string;
  readonly before: number | null;
  readonly after: number | null;
}

export interface Compared {
  readonly runs: readonly { readonly runId: string; readonly state: string; readonly verdict: string | null }[];
  readonly figures: readonly ComparedFigure[];
  readonly configuration: readonly Difference[];
}

export async function compareCommand(
  before: string,
  after: string,
  { json }: { json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  const [first, second] = await withClient(global, async ({ ask, nc }) =>
    Promise.all([before, after].map(async (runId) => sideOf(nc, await ask(API.run, { runId })))),
  );
  const compared = compareRuns(first!, second!); // One for each of the two.
  process.stdout.write(json ? `${JSON.stringify(compared)}\n` : describe(compared));
}

const sideOf = async (nc: NatsConnection, run: Run): Promise<Side> => ({
  run,
  judged: await readVerdict(nc, run.context.verification),
});

function compareRuns(before: Side, after: Side): Compared {
  // Of two models the words of the later one.
  const noun = nounOf(after.run.context) ?? nounOf(before.run.context);
  const [was, is] = [figuresOf(before, noun), figuresOf(after, noun)];
  const names = [...new Set([...was.keys(), ...is.keys()])];
  return {
    runs: [before, after].map(({ run, judged }) => ({
      ...{ runId: run.runId, state: run.state },
      verdict: judged?.verification.verdict ?? null,
    })),
    figures: names.map((figure) => ({ figure, before: was.get(figure) ?? null, after: is.get(figure) ?? null })),
    configuration: differences(revisionOf(before), revisionOf(after)),
  };
}

/** A run keeps the pipeline with which it began. What a name was defined as is not kept with it. */
const revisionOf = ({ run }: Side) => ({
  pipeline: (run.context['pipeline'] as CarriedPipeline | undefined) ?? null, // As the orchestrator stored it.
  definitions: {},
});

const SHARES = 'share';

function figuresOf({ judged }: Side, noun?: Noun): ReadonlyMap<string, number> {
  const report = judged?.report;
  if (!report) return new Map();
  const { candidate, data } = report;
  const shares = fiveFigures(report, noun).map(
    ({ title, candidate: value }) => [`${title}, ${SHARES}`, value] as const,
  );
  const all: readonly (readonly [string, number | null])[] = [
    ...shares,
    ['threshold of identify', candidate.accuracy.identify.threshold],
    ['99 of 100 images within, ms', candidate.performance.latencyMs.p99],
    ['images/s', candidate.performance.imagesPerSecond],
    ['enrolled', data.people],
    ['images', data.images],
    ['probes', data.probes],
    ['strangers', data.strangers.people],
    ['verification, s', report.durationMs.total / 1000],
  ];
  return new Map(all.flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
}

function describe({ runs, figures, configuration }: Compared): string {
  const table = createTable(['', ...runs.map(({ runId }) => runId), 'change'], {
    wraps: { '': 16 },
    drops: ['change'],
  });
  table.push(['state', ...runs.map(({ state }) => stateInWords(state)), '']);
  table.push(['verdict', ...runs.map(({ verdict }) => verdict ?? '-'), '']);
  for (const { figure, before, after } of figures) {
    const shown = figure.endsWith(SHARES) ? percentOrDash : digits;
    const change = before === null || after === null ? '' : signed(after - before, shown);
    table.push([figure, shown(before), shown(after), change]);
  }
  const settings = configuration.map(({ path, kind, before, after }) => `  ${path}: ${changeOf(kind, before, after)}`);
  const said = settings.length === 0 ? ['the same configuration'] : ['configuration:', ...settings];
  return `${table.toString()}\n${said.join('\n')}\n`;
}

const digits = (value: number | null): string => (value === null ? '-' : String(Number(value.toPrecision(4))));
const signed = (difference: number, shown: (value: number) => string) =>
  difference === 0 ? '=' : `${difference > 0 ? '+' : '-'}${shown(Math.abs(difference))}`;

function changeOf(kind: Difference['kind'], before: unknown, after: unknown): string {
  if (kind === 'changed') return `${JSON.stringify(before)} -> ${JSON.stringify(after)}`;
  return kind === 'removed' ? `${JSON.stringify(before)}, gone` : `${JSON.stringify(after)}, ${kind}`;
}
