/**
 * How well the default net recognises faces, on images that it has not seen (closed set) and on people whom it has
 * not seen (open set), beside two floors. The settings are the pipeline's defaults and the number of passes is fixed,
 * so one seed gives the same figures on a fast and on a slow machine. Called by run.ts; docs/accuracy.md has the log.
 */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { LabelledImages } from '../../services/data/strategy.ts';
import { embedAll } from '../../services/serving/host/embed-all.ts';
import { createModelHost } from '../../services/serving/host/model-host.ts';
import {
  rank1ByImage,
  rank1ByMean,
  verifyPairs,
  type Embedded,
  type VerificationFigures,
} from '../support/comparison.ts';
import { closedSet, loadFaces, openSet, type Faces } from '../support/faces.ts';
import { measureFloors, type Floor, type Floors } from './floors.ts';
import { trainNet } from '../support/train-net.ts';

export interface AccuracyBenchOptions {
  /** One sub-folder per person, images numbered in their names. */
  readonly dataFolder: string;
  /** Each gives another net: other first weights, another order, other distortions. */
  readonly seeds: readonly number[];
  /** One JSON object on standard output instead of a table. */
  readonly json: boolean;
}

interface Shares {
  /** In the order of the seeds. */
  readonly perSeed: readonly number[];
  readonly mean: number;
  readonly min: number;
}

export interface AccuracyBenchResult {
  readonly seeds: readonly number[];
  /** Closed set: share of probes whose nearest enrolled image is of the same person. */
  readonly rank1: Shares;
  /** The same against the mean embedding of each person, which is what replicas do. */
  readonly rank1ClassMean: Shares;
  /** Longest training of the closed set over the seeds, with the start of its thread. */
  readonly trainSeconds: number;
  readonly trainSecondsPerSeed: readonly number[];
  /** CPU time of the same training over all threads: what others on the machine take away is not in it. */
  readonly trainCpuSeconds: number;
  readonly imagesPerSecond: number;
  /** SHA-256 of the trained models of the closed set: the same seed gives the same file. */
  readonly modelDigests: readonly string[];
  /** Open set, means over the seeds. */
  readonly open: VerificationFigures & { readonly perSeed: readonly VerificationFigures[] };
  readonly floors: Floors;
}

export async function runAccuracyBench({
  dataFolder,
  seeds,
  json,
}: AccuracyBenchOptions): Promise<AccuracyBenchResult> {
  const faces = await loadFaces(dataFolder);
  const closed = await inTurn(seeds, (seed) => measureClosed(faces, seed));
  const open = await inTurn(seeds, (seed) => measureOpen(faces, seed));
  const trainSecondsPerSeed = closed.map(({ trainSeconds }) => trainSeconds);
  const result: AccuracyBenchResult = {
    seeds,
    rank1: sharesOf(closed.map(({ rank1 }) => rank1)),
    rank1ClassMean: sharesOf(closed.map(({ rank1ClassMean }) => rank1ClassMean)),
    trainSeconds: Math.max(...trainSecondsPerSeed),
    trainSecondsPerSeed,
    trainCpuSeconds: Math.max(...closed.map(({ trainCpuSeconds }) => trainCpuSeconds)),
    imagesPerSecond: meanOf(closed.map(({ imagesPerSecond }) => imagesPerSecond)),
    modelDigests: closed.map(({ digest }) => digest),
    open: {
      auc: meanOf(open.map(({ auc }) => auc)),
      tar1e2: meanOf(open.map(({ tar1e2 }) => tar1e2)),
      perSeed: open,
    },
    floors: measureFloors(faces),
  };
  print(result, json);
  return result;
}

async function measureClosed(faces: Faces, seed: number) {
  const { train, probes } = closedSet(faces);
  const began = performance.now();
  const cpu = process.cpuUsage();
  const { model, imagesPerSecond } = await trainNet(train, { seed });
  const trainSeconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const [enrolled, seen] = await embedSets(model, [train, probes]);
  return {
    rank1: rank1ByImage(enrolled!, seen!),
    rank1ClassMean: rank1ByMean(enrolled!, seen!),
    trainSeconds,
    trainCpuSeconds: (user + system) / 1e6,
    imagesPerSecond,
    digest: createHash('sha256').update(model).digest('hex'),
  };
}

async function measureOpen(faces: Faces, seed: number): Promise<VerificationFigures> {
  const { train, unseen } = openSet(faces);
  const { model } = await trainNet(train, { seed });
  const [embedded] = await embedSets(model, [unseen]);
  return verifyPairs(embedded!);
}

async function embedSets(model: Uint8Array, sets: readonly LabelledImages[]): Promise<Embedded[]> {
  const limits = { queueMax: 64, batchMax: 32, threads: availableParallelism() };
  const host = await createModelHost({ model, image: sets[0]!.spec, ...limits });
  try {
    return await inTurn(sets, async (images) => ({ rows: await embedAll(host, images), images }));
  } finally {
    await host.close();
  }
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const sharesOf = (perSeed: readonly number[]): Shares => ({
  perSeed,
  mean: meanOf(perSeed),
  min: Math.min(...perSeed),
});

function print(result: AccuracyBenchResult, json: boolean): void {
  if (json) return console.log(JSON.stringify(result));
  const share = (value: number) => `${(100 * value).toFixed(1)} %`.padStart(8);
  const shares = ({ perSeed, mean }: Shares) =>
    `${share(mean)}   (${perSeed.map((value) => share(value).trim()).join(', ')})`;
  const pairs = ({ auc, tar1e2 }: VerificationFigures) => `AUC ${auc.toFixed(4)}  TAR at FAR 1e-2 ${share(tar1e2)}`;
  const floor = (name: string, { rank1, open }: Floor) =>
    console.log(`${name}${share(rank1)}   unseen people: ${pairs(open)}`);
  console.log(`Seeds ${result.seeds.join(', ')}`);
  console.log(`Rank-1, nearest image    ${shares(result.rank1)}`);
  console.log(`Rank-1, class mean       ${shares(result.rank1ClassMean)}`);
  console.log(`Unseen people            ${pairs(result.open)}`);
  floor('Floor: raw pixels        ', result.floors.rawPixels);
  floor('Floor: PCA and LDA       ', result.floors.lda);
  const seconds = result.trainSecondsPerSeed.map((value) => value.toFixed(1)).join(', ');
  const speed = `${result.imagesPerSecond.toFixed(0)} images/s, CPU time ${result.trainCpuSeconds.toFixed(1)} s`;
  console.log(`Training                  ${seconds} s, ${speed}`);
}
