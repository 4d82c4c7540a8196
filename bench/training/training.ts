/**
 * How fast the default strategy trains: images per second of each shipped net, the share of the machine's own MatMul
 * peak that this is, and how others do on the same net, batch and step. A step is measured as the product takes it by
 * default, in two passes whose batch-norm statistics are those of half a batch, and beside it in one pass, as the peers
 * take it. One step's data stays in memory; the input pipeline has figures of its own. Called by bench/run.ts; docs/training-performance.md explains the method.
 */
import { availableParallelism } from 'node:os';
import Table from 'cli-table3';
import { closedSet, loadFaces } from '../support/faces.ts';
import { measureInputPipeline } from '../input/input-pipeline.ts';
import { flopsPerImage } from './training-flops.ts';
import { batchSizes } from '../../services/training/loop/engine.ts';
import { startContender, type Contender, type Round } from './training-contender.ts';
import type { Task } from './training-child.ts';
import { BATCH, CLASSES, IMAGES, NET_NAMES, describeSubject, subjectOf, type NetName } from './training-subject.ts';
import { measureWarmStart } from '../accuracy/warm-start.ts';

export interface TrainingBenchOptions {
  readonly json: boolean;
  /** Fewer turns: a look, not a measurement. */
  readonly quick: boolean;
  /** Python programs; each is asked for every framework that it has. Empty: no peers. */
  readonly peers: readonly string[];
  /** Faces for the warm start; null leaves it out. */
  readonly dataFolder: string | null;
}

/** By net, then by number of threads. */
type PerNet<V> = Partial<Record<NetName, Record<string, V>>>;

export interface TrainingBenchResult {
  readonly imagesPerSecond: PerNet<number>;
  /** The same with one pass, whose statistics are those of the whole batch, as in the peers. */
  readonly onePassImagesPerSecond: PerNet<number>;
  /** Operations per second in products of matrices over those of one large product, both at their best turn. */
  readonly ofMatmulPeak: PerNet<number>;
  readonly gflops: PerNet<number>;
  readonly matmulGflops: PerNet<number>;
  /** By net, one thread each: what TensorFlow.js's wasm backend uses. */
  readonly vsTfjsWasm: Partial<Record<NetName, number>>;
  /** By net, threads and framework: our speed over theirs. */
  readonly vsPeer: PerNet<Record<string, number>>;
  /** The same with one pass. */
  readonly onePassVsPeer: PerNet<Record<string, number>>;
  /** Frameworks that were asked for and are not there, with their own words. */
  readonly skippedPeers: Record<string, string>;
  /** Of a whole process that trains, by net, with the most threads measured. */
  readonly peakRssMb: Partial<Record<NetName, number>>;
  /** Peak memory of a process with micro-batches over that without, at the batch of MEMORY. */
  readonly microBatchMemoryRatio: number;
  /** Images/s of RefNet on a set on disk over those on the set in memory. */
  readonly pipelineRatio: number;
  /** Passes to the same rank-1 from a champion's weights over passes from scratch; absent without faces. */
  readonly warmStartEpochRatio?: number | null;
}

const FRAMEWORKS = ['jax', 'tensorflow', 'torch'] as const;
const PEER_PROGRAM = new URL('./peers/train_step.py', import.meta.url).pathname;
/** One thread says what a core does, two whether a second one helps. */
const THREADS = [1, 2].filter((threads) => threads <= availableParallelism());
/** Turns of a second each; the median of fewer is at the mercy of a neighbour on the machine. */
const TURNS = 3;
const QUICK_TURNS = 1;
/** Steps of the wasm backend take seconds: it sits out after these turns. */
const WASM_TURNS = 1;
/**
 * Node and onnxruntime hold 180 MB without any image, so that it takes a batch of some size to see what is saved. Each of
 * two executors holds the images of one micro-batch.
 */
const MEMORY = { net: 'face-resnet', batch: 64, microBatch: 4 } as const;
/** RefNet, the fastest consumer that the pipeline has to feed for long; memory is measured by `bench -- input`. */
const PIPELINE = { net: 'refnet', images: 1024, repeats: 3, memorySizes: [] } as const;

export async function runTrainingBench(options: TrainingBenchOptions): Promise<TrainingBenchResult> {
  const skipped: Record<string, string> = {};
  const matches: Match[] = [];
  for (const net of NET_NAMES)
    for (const threads of THREADS) matches.push(await playMatch(net, threads, options, skipped));
  const { pipelineRatio } = await measureInputPipeline(PIPELINE);
  const result = {
    ...speedsOf(matches),
    skippedPeers: skipped,
    microBatchMemoryRatio: await microBatchMemoryRatio(),
    pipelineRatio,
    ...(options.dataFolder !== null && { warmStartEpochRatio: await warmStartRatio(options.dataFolder) }),
  };
  if (options.json) console.log(JSON.stringify(result));
  else print(result);
  return result;
}

/** All contenders of one net and number of threads, with the turns that they took alternately. */
export interface Match {
  readonly net: NetName;
  readonly threads: number;
  readonly contenders: readonly Contender[];
}

/** As configured by default, and in one pass. */
const WAYS = [
  ['onnx', batchSizes({ batchSize: BATCH }, BATCH).microBatch],
  ['one pass', BATCH],
] as const;

export async function playMatch(
  net: NetName,
  threads: number,
  { peers, quick }: TrainingBenchOptions,
  skipped: Record<string, string>,
): Promise<Match> {
  process.stderr.write(`bench: ${net}, ${threads} thread${threads === 1 ? '' : 's'}\n`);
  const contenders: Contender[] = [];
  try {
    contenders.push(await startChild('matmul', { type: 'matmul', threads }));
    for (const [name, microBatch] of WAYS)
      contenders.push(await startChild(name, { type: 'onnx', net, threads, microBatch }));
    if (threads === 1) contenders.push(await startChild('wasm', { type: 'wasm', net }));
    for (const python of peers) contenders.push(...(await startPeers(python, net, threads, skipped)));
    for (let turn = 0; turn < (quick ? QUICK_TURNS : TURNS); turn++)
      for (const contender of contenders) if (contender.name !== 'wasm' || turn < WASM_TURNS) await contender.go();
  } finally {
    await Promise.all(contenders.map((contender) => contender.end()));
  }
  return { net, threads, contenders };
}

const CHILD = new URL('./training-child.ts', import.meta.url).pathname;

const startChild = (name: string, task: Task): Promise<Contender> =>
  startContender(name, [process.execPath, '--import', 'tsx', CHILD, JSON.stringify(task)]);

async function startPeers(python: string, net: NetName, threads: number, skipped: Record<string, string>) {
  const subject = JSON.stringify(describeSubject(subjectOf(net, threads)));
  const started: Contender[] = [];
  for (const framework of FRAMEWORKS) {
    if (`${python}: ${framework}` in skipped) continue;
    try {
      started.push(await startContender(framework, [python, PEER_PROGRAM, framework, String(threads), subject]));
    } catch (cause) {
      skipped[`${python}: ${framework}`] = cause instanceof Error ? cause.message : String(cause);
    }
  }
  return started;
}

/** Peak memory is that of a process, so each size of micro-batch has one. */
export async function microBatchMemoryRatio(): Promise<number> {
  const peak = async (microBatch: number): Promise<number> => {
    const threads = THREADS.at(-1)!;
    const contender = await startChild('onnx', { type: 'onnx', ...MEMORY, threads, microBatch });
    const { peakRssMb } = await contender.go();
    await contender.end();
    return peakRssMb;
  };
  return (await peak(MEMORY.microBatch)) / (await peak(MEMORY.batch));
}

async function warmStartRatio(dataFolder: string): Promise<number | null> {
  const { train, probes } = closedSet(await loadFaces(dataFolder));
  return (await measureWarmStart(train, probes)).warmStartEpochRatio;
}

export function speedsOf(matches: readonly Match[]) {
  const result = {
    imagesPerSecond: {} as PerNet<number>,
    onePassImagesPerSecond: {} as PerNet<number>,
    ofMatmulPeak: {} as PerNet<number>,
    gflops: {} as PerNet<number>,
    matmulGflops: {} as PerNet<number>,
    vsTfjsWasm: {} as Partial<Record<NetName, number>>,
    vsPeer: {} as PerNet<Record<string, number>>,
    onePassVsPeer: {} as PerNet<Record<string, number>>,
    peakRssMb: {} as Partial<Record<NetName, number>>,
  };
  for (const { net, threads, contenders } of matches) {
    const of = (name: string) => contenders.find((contender) => contender.name === name)!.rounds;
    const spec = subjectOf(net, threads);
    const flops = flopsPerImage(spec.net, spec.classes).step;
    const put = <V>(figures: PerNet<V>, value: V) => ((figures[net] ??= {})[threads] = value);
    const speed = (name: string) => median(of(name).map(({ perSecond }) => perSecond));
    put(result.imagesPerSecond, speed('onnx'));
    put(result.onePassImagesPerSecond, speed('one pass'));
    put(result.gflops, (best(of('onnx')) * flops) / 1e9);
    put(result.ofMatmulPeak, (best(of('onnx')) * flops) / best(of('matmul')));
    put(result.matmulGflops, best(of('matmul')) / 1e9);
    result.peakRssMb[net] = of('onnx').at(-1)!.peakRssMb;
    if (threads === 1) result.vsTfjsWasm[net] = medianRatio(of('onnx'), of('wasm'));
    const peers = contenders.filter(({ name }) => (FRAMEWORKS as readonly string[]).includes(name));
    const ratios = (ours: string) => peers.map(({ name, rounds }) => [name, medianRatio(of(ours), rounds)] as const);
    put(result.vsPeer, Object.fromEntries(ratios('onnx')));
    put(result.onePassVsPeer, Object.fromEntries(ratios('one pass')));
  }
  return result;
}

const best = (rounds: readonly Round[]): number => Math.max(...rounds.map(({ perSecond }) => perSecond));

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
}

/** Of turns that followed each other, so that a slow minute of the machine is on both sides. */
const medianRatio = (ours: readonly Round[], theirs: readonly Round[]): number =>
  median(theirs.map(({ perSecond }, turn) => ours[turn]!.perSecond / perSecond));

function print(result: TrainingBenchResult): void {
  const table = new Table({
    head: [
      ...['Net', 'Threads', 'Images/s', 'in one pass', 'GFLOP/s', 'of MatMul peak', 'Peak RSS', 'vs tfjs-wasm'],
      'vs peers (in one pass)',
    ],
  });
  for (const net of NET_NAMES)
    for (const threads of THREADS) {
      const share = result.ofMatmulPeak[net]![threads]!;
      const peers = Object.entries(result.vsPeer[net]![threads]!).map(
        ([name, ratio]) => `${name} ${times(ratio)} (${times(result.onePassVsPeer[net]![threads]![name]!)})`,
      );
      table.push([
        `${net} ${IMAGES[net].width}x${IMAGES[net].height}x${IMAGES[net].channels}`,
        threads,
        result.imagesPerSecond[net]![threads]!.toFixed(1),
        result.onePassImagesPerSecond[net]![threads]!.toFixed(1),
        `${result.gflops[net]![threads]!.toFixed(0)} of ${result.matmulGflops[net]![threads]!.toFixed(0)}`,
        `${(100 * share).toFixed(0)} %`,
        threads === THREADS.at(-1) ? `${result.peakRssMb[net]!.toFixed(0)} MB` : '',
        threads === 1 ? times(result.vsTfjsWasm[net]!) : '',
        peers.join(', ') || '-',
      ]);
    }
  console.log(`One step: forward, CosFace over ${CLASSES} classes, backward, Adam; batch ${BATCH}, float32`);
  console.log(
    `By default in passes of ${WAYS[0][1]} images, each with batch statistics of its own; peers: in one pass`,
  );
  console.log(table.toString());
  console.log(
    `Peak memory, batch ${MEMORY.batch} by ${MEMORY.microBatch}: ${times(result.microBatchMemoryRatio)} (${MEMORY.net})`,
  );
  console.log(`Images/s from disk over images/s from memory: ${times(result.pipelineRatio)} (refnet)`);
  if (result.warmStartEpochRatio !== undefined)
    console.log(
      `Passes with a warm start over those without: ${result.warmStartEpochRatio?.toFixed(2) ?? 'not reached'}`,
    );
  for (const [name, reason] of Object.entries(result.skippedPeers)) console.log(`Skipped ${name}: ${reason}`);
}

const times = (ratio: number): string => `${ratio.toPrecision(3)}x`;
