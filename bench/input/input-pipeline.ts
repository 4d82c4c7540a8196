/**
 * The cost of the input pipeline: images/s of the same training on a set on disk and on the same set in memory, turn by
 * turn in one process; and how much memory a large set takes. Images are generated, so any size can be had; they go
 * through the blob-store port and tar shards as collected ones do. Called by bench/run.ts.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore } from '../../contracts/blobs.ts';
import { TrainingConfigSchema } from '../../contracts/configuration/training.ts';
import type { DatasetManifest, ImageSpec } from '../../contracts/dataset.ts';
import { openImages } from '../../services/data/image-reader.ts';
import { withScratch } from '../../runtime/scratch.ts';
import { writeShard, type ShardSample } from '../../services/data/shards.ts';
import { spoolSplits } from '../../services/data/spool.ts';
import type { LabelledImages, SpooledImages } from '../../services/data/strategy.ts';
import { encodePng } from '../../services/data/images.ts';
import { startThread } from '../../runtime/threads.ts';
import type { InputBenchMessage, InputBenchWork } from './input-pipeline.thread.ts';

export interface InputPipelineOptions {
  readonly net: 'face-small' | 'refnet' | 'face-resnet';
  /** Images of the set on which the throughput is compared. */
  readonly images: number;
  /** Sizes of the sets whose memory is measured, smallest first; empty leaves that out. */
  readonly memorySizes: readonly number[];
  /** Passes over the set from disk and from memory, each. */
  readonly repeats: number;
}

export interface InputPipelineResult {
  readonly net: string;
  /** Medians over the passes. */
  readonly imagesPerSecond: { readonly pipeline: number; readonly memory: number; readonly firstPass: number };
  /** Images/s from disk over images/s from memory, once the first pass has decoded the set. */
  readonly pipelineRatio: number;
  /** Share of the time in which a step waited for its batch, from disk and from memory; medians. */
  readonly waitShare: { readonly pipeline: number; readonly memory: number };
  /** The same ratio for the pass that decodes. */
  readonly firstPassRatio: number;
  /** Highest resident memory of the process so far, after making, spooling and walking through a set without a net. */
  readonly memory: readonly { readonly images: number; readonly peakRssMb: number; readonly heldMb: number }[];
}

const SPEC: ImageSpec = { width: 64, height: 64, channels: 1 };
const PEOPLE = 100;
const SHARD_SAMPLES = 1000;
const BATCH = 32;
/** Different PNG files of a generated set; labels and order make the samples differ. */
const PATTERNS = 256;

export async function measureInputPipeline(options: InputPipelineOptions): Promise<InputPipelineResult> {
  // Memory first: the peak of a process never falls, and the net would hide what the input takes.
  const memory: InputPipelineResult['memory'][number][] = [];
  for (const images of options.memorySizes) {
    const heldMb = await withSet(images, walk);
    memory.push({ images, peakRssMb: process.resourceUsage().maxRSS / 1000, heldMb });
  }
  const throughput = await withSet(options.images, (set) => compare(set, options));
  return { net: options.net, ...throughput, memory };
}

/** First the pass that decodes, then both kinds in turn, the order changing each time. */
async function compare(set: SpooledImages, { net, repeats }: InputPipelineOptions) {
  const config = TrainingConfigSchema.parse({ net, batchSize: BATCH });
  const thread = converse({ kind: 'train', config, spooled: set, memory: await intoMemory(set) });
  const pass = (source: 'spooled' | 'memory') => thread.ask(source);
  try {
    await pass('memory'); // warms up
    // intoMemory has decoded all; the first pass from disk shall begin without.
    set.decoded.fill(0);
    const firstPass = (await pass('spooled')).imagesPerSecond;
    const passes = { spooled: [] as InputBenchMessage[], memory: [] as InputBenchMessage[] };
    for (let turn = 0; turn < repeats; turn++) {
      const order = turn % 2 === 0 ? (['spooled', 'memory'] as const) : (['memory', 'spooled'] as const);
      for (const source of order) passes[source].push(await pass(source));
    }
    const of = (source: 'spooled' | 'memory', figure: 'imagesPerSecond' | 'waitShare') =>
      median(passes[source].map((one) => one[figure]));
    const [pipeline, memory] = [of('spooled', 'imagesPerSecond'), of('memory', 'imagesPerSecond')];
    return {
      imagesPerSecond: { pipeline, memory, firstPass },
      pipelineRatio: pipeline / memory,
      firstPassRatio: firstPass / memory,
      waitShare: { pipeline: of('spooled', 'waitShare'), memory: of('memory', 'waitShare') },
    };
  } finally {
    await thread.end();
  }
}

/** One pass over the batches of a set without a net; answers the MB of pixels that were held. */
async function walk(set: SpooledImages): Promise<number> {
  const config = TrainingConfigSchema.parse({ batchSize: BATCH });
  const thread = converse({ kind: 'walk', config, spooled: set, memory: null });
  try {
    return (await thread.ask('spooled')).heldMb;
  } finally {
    await thread.end();
  }
}

function converse(work: InputBenchWork) {
  const worker = startThread('bench/input/input-pipeline.thread', work);
  return {
    async ask(source: 'spooled' | 'memory'): Promise<InputBenchMessage> {
      worker.postMessage(source);
      // Its only message; an error of the thread rejects here.
      return ((await once(worker, 'message')) as [InputBenchMessage])[0];
    },
    async end() {
      const exited = once(worker, 'exit');
      worker.postMessage('end');
      await exited;
    },
  };
}

async function intoMemory(set: SpooledImages): Promise<LabelledImages> {
  const { spec, classes, labels, count } = set;
  const pixels = new Uint8Array(new SharedArrayBuffer(count * spec.channels * spec.height * spec.width));
  const reader = openImages(set);
  await reader.read(
    Int32Array.from({ length: count }, (_, index) => index),
    pixels,
  );
  reader.close();
  return { spec, classes, labels, count, pixels };
}

/** Generates a set of `count` images, spools it as the trainer does, and removes it afterwards. */
function withSet<Result>(count: number, use: (set: SpooledImages) => Promise<Result>): Promise<Result> {
  return withScratch(async (folder) => {
    const store = join(folder, 'store');
    await mkdir(store);
    const manifest = await generate(count, store);
    const options = { manifest, folder, blobs: shardsIn(store), signal: new AbortController().signal };
    const [set] = await spoolSplits({ ...options, splits: ['train'], cacheBytes: Number.MAX_SAFE_INTEGER });
    await rm(store, { recursive: true });
    return use(set);
  });
}

async function generate(count: number, folder: string): Promise<DatasetManifest> {
  const patterns = await Promise.all(Array.from({ length: PATTERNS }, (_, number) => encodePng(pattern(number), SPEC)));
  const shards: DatasetManifest['shards'] = [];
  for (let from = 0; from < count; from += SHARD_SAMPLES) {
    const samples = Math.min(SHARD_SAMPLES, count - from);
    const key = `${from}.tar`;
    const written = await writeShard(join(folder, key), samplesFrom(from, samples, patterns));
    shards.push({ blob: { bucket: 'DATASETS', key, ...written }, samples });
  }
  const labels = Array.from({ length: PEOPLE }, (_, person) => personName(person));
  const counts = { train: count, validation: 0, probe: 0, 'held-out': 0, stranger: 0, total: count };
  const nobody = { heldOut: [], strangers: [], learned: null };
  const none = { ...nobody, faces: null, sources: [], quarantined: [], quarantinedTotal: 0 };
  return { format: 'nightshift.dataset/1', image: SPEC, labels, counts, shards, ...none };
}

async function* samplesFrom(from: number, count: number, patterns: readonly Buffer[]): AsyncGenerator<ShardSample> {
  for (let number = from; number < from + count; number++) {
    const digest = `sha256:${createHash('sha256').update(String(number)).digest('hex')}`;
    const person = { id: String(number), label: personName(number % PEOPLE), tags: [] };
    const record = { ...person, source: 'bench', digest, split: 'train' as const };
    yield { key: String(number).padStart(8, '0'), record, png: patterns[number % PATTERNS]! };
  }
}

const personName = (person: number) => `person-${String(person).padStart(3, '0')}`;

/** Waves with a little noise: compresses about as a photograph of this size does. */
function pattern(number: number): Uint8Array {
  const noise = createHash('shake256', { outputLength: SPEC.width * SPEC.height })
    .update(String(number))
    .digest();
  return noise.map((value, at) => {
    const [x, y] = [at % SPEC.width, Math.floor(at / SPEC.width)];
    return 128 + 50 * Math.sin((x + number) / 7) + 50 * Math.cos((y * (1 + (number % 5))) / 9) + value / 16;
  });
}

/** As much of a blob store as reading shards takes; the others are never called here. */
function shardsIn(folder: string): BlobStore {
  const unused = () => Promise.reject(new Error('the bench only reads shards'));
  return {
    put: unused,
    find: unused,
    reuse: unused,
    holds: unused,
    remove: unused,
    get: ({ key }) => readFile(join(folder, key)),
    download: ({ key }, path) => copyFile(join(folder, key), path),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

export interface InputBenchOptions extends InputPipelineOptions {
  readonly json: boolean;
}

export async function runInputBench({ json, ...options }: InputBenchOptions): Promise<InputPipelineResult> {
  const result = await measureInputPipeline(options);
  if (json) console.log(JSON.stringify(result));
  else print(result);
  return result;
}

function print({ net, imagesPerSecond, pipelineRatio, firstPassRatio, waitShare, memory }: InputPipelineResult): void {
  const rate = (value: number) => `${value.toFixed(0).padStart(6)} images/s`;
  console.log(`${net}, batches of ${BATCH}, ${SPEC.width} x ${SPEC.height} grey`);
  console.log(`In memory                ${rate(imagesPerSecond.memory)}`);
  console.log(`From disk, first pass    ${rate(imagesPerSecond.firstPass)}, ratio ${firstPassRatio.toFixed(3)}`);
  console.log(`From disk, later passes  ${rate(imagesPerSecond.pipeline)}, ratio ${pipelineRatio.toFixed(3)}`);
  const share = (value: number) => `${(100 * value).toFixed(2)} %`;
  console.log(
    `Waiting for batches      ${share(waitShare.pipeline)} of the time; in memory ${share(waitShare.memory)}`,
  );
  for (const { images, peakRssMb, heldMb } of memory)
    console.log(
      `${String(images).padStart(7)} images: peak RSS ${peakRssMb.toFixed(0)} MB, ${heldMb.toFixed(1)} MB of pixels held`,
    );
}
