/**
 * What serving costs beside bare onnxruntime-node: the same image file, model and machine, with and without nats-server,
 * replica, queue and model host in between. Then: what loading another model does to the requests, and how long one is
 * kept waiting when the model's process dies or hangs. Called by bench/run.ts.
 */
import Table from 'cli-table3';
import type { OpenFigures } from './serving/load.ts';
import { withRig, type Rig, type RigOptions } from './serving/rig.ts';
import type { BenchVerb, Face } from './serving/targets.ts';

export interface ServingBenchOptions extends RigOptions {
  /** Of each measurement. */
  readonly seconds: number;
  readonly json: boolean;
}

interface Row {
  readonly verb: BenchVerb;
  readonly input: Face['input'];
  readonly perSecond: number;
  readonly replica: OpenFigures;
  readonly bare: OpenFigures;
}

export interface ServingBenchResult {
  /** Replica minus bare, milliseconds, at the middle load of `embed` with pixels. */
  readonly overheadMs: { readonly p50: number; readonly p99: number };
  /** Answers per second of `embed` with pixels under as much load as there can be: replica over bare. */
  readonly throughputRatio: number;
  readonly throughputPerSecond: { readonly replica: number; readonly bare: number };
  readonly rows: readonly Row[];
  readonly loading: {
    readonly steadyP99Ms: number;
    readonly loadingP99Ms: number;
    readonly loads: number;
    readonly failed: number;
  };
  /** The longest that a request took when the process died, and when it hung; nobody was refused. */
  readonly lost: readonly { readonly what: string; readonly maxMs: number; readonly failed: number }[];
}

/** Shares of what bare onnxruntime can do: quiet, ordinary, busy. */
const LOADS = [0.1, 0.25, 0.5];
/** The one whose overhead is the headline. */
const HEADLINE_LOAD = 1;
/** Enough that the model never has nothing to do. */
const IN_FLIGHT = 48;
/** Decoding an image file takes longer than a small model. */
const FILES_PER_SECOND = 100;
/** While a host is lost: few, so that what one waits is not the queue behind it. */
const QUIET_PER_SECOND = 50;

export async function runServingBench(options: ServingBenchOptions): Promise<ServingBenchResult> {
  const result = await withRig(options, (rig) => measure(rig, options.seconds));
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else print(result, options);
  return result;
}

async function measure(rig: Rig, seconds: number): Promise<ServingBenchResult> {
  await rig.load({ target: 'replica', verb: 'identify', input: 'file', seconds: 1, load: { inFlight: 8 } });
  const bare = await saturate(rig, 'bare', seconds);
  const replica = await saturate(rig, 'replica', seconds);
  const rows: Row[] = [];
  for (const verb of ['embed', 'identify'] as const) {
    for (const share of LOADS)
      rows.push(await compare(rig, { verb, input: 'pixels' }, Math.round(share * bare), seconds));
  }
  rows.push(await compare(rig, { verb: 'identify', input: 'file' }, FILES_PER_SECOND, seconds));
  const headline = rows[HEADLINE_LOAD]!; // The rows of `embed` come first.
  return {
    overheadMs: {
      p50: headline.replica.p50Ms - headline.bare.p50Ms,
      p99: headline.replica.p99Ms - headline.bare.p99Ms,
    },
    throughputRatio: replica / bare,
    throughputPerSecond: { replica, bare },
    rows,
    loading: await whileLoading(rig, headline.perSecond, seconds),
    lost: [await loseHost(rig, 'SIGKILL', seconds), await loseHost(rig, 'SIGSTOP', seconds)],
  };
}

type Kind = Pick<Row, 'verb' | 'input'>;
const EMBED = { verb: 'embed', input: 'pixels' } as const;

async function saturate(rig: Rig, target: 'bare' | 'replica', seconds: number): Promise<number> {
  const answer = await rig.load({ target, ...EMBED, seconds, load: { inFlight: IN_FLIGHT } });
  return 'perSecond' in answer ? answer.perSecond : 0;
}

/** One right after the other, so that a machine that becomes slower meets both. */
async function compare(rig: Rig, kind: Kind, perSecond: number, seconds: number): Promise<Row> {
  const bare = await openLoad(rig, 'bare', kind, perSecond, seconds);
  const replica = await openLoad(rig, 'replica', kind, perSecond, seconds);
  return { ...kind, perSecond, replica, bare };
}

async function openLoad(rig: Rig, target: 'bare' | 'replica', kind: Kind, perSecond: number, seconds: number) {
  const answer = await rig.load({ target, ...kind, seconds, load: { perSecond } });
  if (answer.type !== 'open') throw new Error(`bench: an open load was answered by "${answer.type}"`);
  return answer.figures;
}

async function whileLoading(rig: Rig, perSecond: number, seconds: number): Promise<ServingBenchResult['loading']> {
  const steady = await openLoad(rig, 'replica', EMBED, perSecond, seconds);
  let isOver = false;
  const load = openLoad(rig, 'replica', EMBED, perSecond, seconds).finally(() => (isOver = true));
  let loads = 0;
  for (; !isOver; loads++) await rig.loadCandidate();
  const loading = await load;
  const failed = steady.failed + loading.failed;
  return { steadyP99Ms: steady.p99Ms, loadingP99Ms: loading.p99Ms, loads, failed };
}

async function loseHost(rig: Rig, signal: 'SIGKILL' | 'SIGSTOP', seconds: number) {
  const load = openLoad(rig, 'replica', EMBED, QUIET_PER_SECOND, seconds);
  const timer = setTimeout(() => rig.loseHost(signal), 500 * seconds);
  const { maxMs, failed } = await load;
  clearTimeout(timer);
  return { what: signal === 'SIGKILL' ? 'dies' : 'hangs', maxMs, failed };
}

const ms = (value: number) => value.toFixed(2);

function print({ rows, ...result }: ServingBenchResult, { net, people, seconds }: ServingBenchOptions): void {
  const head = [
    'verb',
    'input',
    'load /s',
    'bare p50',
    'p99',
    'replica p50',
    'p99',
    'overhead p50',
    'p99 ms',
    'failed',
  ];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const { verb, input, perSecond, replica, bare } of rows) {
    const overhead = [replica.p50Ms - bare.p50Ms, replica.p99Ms - bare.p99Ms];
    const figures = [bare.p50Ms, bare.p99Ms, replica.p50Ms, replica.p99Ms, ...overhead].map(ms);
    table.push([verb, input, perSecond, ...figures, replica.failed]);
  }
  const { loading, throughputPerSecond: throughput } = result;
  const lines = [
    `${net}, ${people} people, ${seconds} s each; bare: (decode +) onnxruntime-node in a thread of the load generator`,
    table.toString(),
    `saturated: replica ${throughput.replica.toFixed(0)}/s, bare ${throughput.bare.toFixed(0)}/s: ratio ${result.throughputRatio.toFixed(2)}`,
    `p99 while ${loading.loads} models were loaded: ${ms(loading.loadingP99Ms)} ms, steady ${ms(loading.steadyP99Ms)} ms: ` +
      `ratio ${(loading.loadingP99Ms / loading.steadyP99Ms).toFixed(2)}, ${loading.failed} failed`,
    ...result.lost.map(
      ({ what, maxMs, failed }) =>
        `the model's process ${what}: a request took at most ${maxMs.toFixed(0)} ms, ${failed} failed`,
    ),
  ];
  console.log(lines.join('\n'));
}
