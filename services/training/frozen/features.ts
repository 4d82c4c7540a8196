/**
 * The features of images under a frozen backbone, kept on disk from night to night: an image that was seen before costs
 * one hash. Keys are the digests of the pixels, so a renamed or moved image is the same. Called by subject.ts for what is
 * trained on, by by-features.ts for what is verified.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import type { ImageSpec } from '../../../contracts/dataset.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import type { TrainingImages } from '../../data/strategy.ts';
import { openImages } from '../../data/image-reader.ts';
import { floatTensor, readSafetensors, writeSafetensors } from '../../safetensors.ts';
import type { WorkContext } from '../../work.ts';
import { imageSize } from '../input/pixels.ts';
import type { Stop } from '../loop/stop.ts';
import { ModelRefused, openWalled, type ModelSession, type WallOptions } from '../walled/walled-session.ts';

/** The backbone at work. */
export interface FeatureRunner {
  /** [count, n] of `count` images, one after the other in `pixels`. Throws MODEL_INVALID, or what a host throws. */
  run(pixels: Uint8Array, count: number): Promise<Float32Array>;
  close(): Promise<void>;
}

export interface FeatureOptions {
  /** Not called where all features are known. */
  readonly open: () => Promise<FeatureRunner>;
  /** All that the features depend on beside the pixels; names the file. */
  readonly key: string;
  readonly cacheDir: string;
  /** For messages. */
  readonly stage: 'training' | 'verifier';
  readonly signal: Stop;
  readonly log: WorkContext['log'];
  readonly progress: WorkContext['progress'];
}

/** Images in one run of the backbone: bounds its memory. */
const RUN_IMAGES_MAX = 16;
/** Of one file; what is oldest is left out. 2 million images of 128 features. */
const CACHE_BYTES_MAX = 1024 ** 3;
/** Files, one per backbone and settings; those written longest ago are removed. */
const CACHE_FILES_MAX = 4;
export const FEATURES_FORMAT = 'nightshift.features/1';
const DIGEST_BYTES = 32;

type Known = Map<string, Float32Array>;

/** [count, n] of each set, and n. At least one image. Throws what the runner throws, or what the signal throws. */
export async function featuresOf(sets: readonly TrainingImages[], options: FeatureOptions) {
  const { stage, log } = options;
  const known = await readCache(options);
  const digests: string[][] = [];
  for (const set of sets) digests.push(await digestsOf(set, options.signal));
  const cached = known.size;
  await addAllMissing(sets, digests, known, options);
  const computed = known.size - cached;
  const images = digests.reduce((sum, list) => sum + list.length, 0);
  log.info({ images, computed, cached }, `${stage}: features of ${images} images, ${computed} of them new`);
  if (computed > 0) await writeCache(known, new Set(digests.flat()), options);
  const size = known.values().next().value!.length;
  return { size, sets: digests.map((list) => joined(list, known, size)) };
}

async function addAllMissing(
  sets: readonly TrainingImages[],
  digests: readonly (readonly string[])[],
  known: Known,
  options: FeatureOptions,
): Promise<void> {
  const missing = new Set(digests.flat().filter((digest) => !known.has(digest))).size;
  if (missing === 0) return;
  const cached = known.size;
  const runner = await options.open();
  try {
    for (const [index, set] of sets.entries())
      await addMissing(runner, set, digests[index]!, known, options.signal, () =>
        report(known.size - cached, missing, options),
      );
  } finally {
    await runner.close();
  }
}

function joined(digests: readonly string[], known: Known, size: number): Float32Array {
  const rows = new Float32Array(digests.length * size);
  digests.forEach((digest, row) => rows.set(known.get(digest)!, row * size));
  return rows;
}

/** By `model`, featureModel of graph.ts, behind a wall: the backbone's makers are not ours. */
export async function openSession(model: Uint8Array, spec: ImageSpec, wall: WallOptions): Promise<FeatureRunner> {
  const session = await openWalled(model, wall).catch(rethrown('onnxruntime cannot load it'));
  const { channels, height, width } = spec;
  return {
    run: (pixels, count) =>
      run(session, new Tensor('float32', Float32Array.from(pixels), [count, channels, height, width])),
    close: () => session.release(),
  };
}

async function eachChunk(
  set: TrainingImages,
  indices: readonly number[],
  signal: Stop,
  use: (pixels: Uint8Array, chunk: readonly number[]) => Promise<void>,
): Promise<void> {
  const reader = openImages(set);
  try {
    for (let from = 0; from < indices.length; from += RUN_IMAGES_MAX) {
      signal.throwIfAborted();
      const chunk = indices.slice(from, from + RUN_IMAGES_MAX);
      const pixels = new Uint8Array(chunk.length * imageSize(set));
      await reader.read(Int32Array.from(chunk), pixels);
      await use(pixels, chunk);
    }
  } finally {
    reader.close();
  }
}

async function digestsOf(set: TrainingImages, signal: Stop): Promise<string[]> {
  const digests: string[] = [];
  const size = imageSize(set);
  await eachChunk(set, [...Array(set.count).keys()], signal, async (pixels, chunk) => {
    for (let place = 0; place < chunk.length; place++)
      digests.push(
        createHash('sha256')
          .update(pixels.subarray(place * size, (place + 1) * size))
          .digest('hex'),
      );
  });
  return digests;
}

/** The fraction stays at 0: what share of the training this is shows only afterwards. */
function report(done: number, total: number, { progress }: FeatureOptions): void {
  progress({ fraction: 0, done, total, unit: 'image', figures: {} });
}

/** Calls `onChunk` after each run of the backbone. */
async function addMissing(
  runner: FeatureRunner,
  set: TrainingImages,
  digests: readonly string[],
  known: Known,
  signal: Stop,
  onChunk: () => void,
): Promise<void> {
  const first = new Map<string, number>();
  digests.forEach((digest, index) => known.has(digest) || first.has(digest) || first.set(digest, index));
  await eachChunk(set, [...first.values()], signal, async (pixels, chunk) => {
    const rows = await runner.run(pixels, chunk.length);
    const size = rows.length / chunk.length;
    chunk.forEach((index, row) => known.set(digests[index]!, rows.slice(row * size, (row + 1) * size)));
    onChunk();
  });
}

async function run(session: ModelSession, images: Tensor): Promise<Float32Array> {
  const { features } = await session
    .run({ images }, ['features'])
    .catch(rethrown(`it fails on ${images.dims[0]} images`));
  const rows = features!.data;
  if (!(rows instanceof Float32Array)) throw unfit('its features are not float32');
  if (features!.dims[0] !== images.dims[0])
    throw unfit(`it gives ${features!.dims[0]} rows for ${images.dims[0]} images`);
  if (!rows.every(Number.isFinite)) throw unfit('a feature is not a finite number; is training.backbone.input right?');
  return rows;
}

const pathOf = ({ cacheDir, key }: FeatureOptions): string => join(cacheDir, `${key}.safetensors`);

/** A file that cannot be read costs the time to make its features again. */
async function readCache(options: FeatureOptions): Promise<Known> {
  const path = pathOf(options);
  try {
    const file = readSafetensors(await readFile(path), path);
    if (file.metadata.format !== FEATURES_FORMAT)
      throw new PipelineError('BLOB_CORRUPT', `${path}: of another version`);
    const { data, shape } = floatTensor(file, 'features', 2, path);
    const digests = Buffer.from(file.tensors.digests!.data);
    const size = shape[1]!;
    const digestAt = (row: number) => digests.toString('hex', row * DIGEST_BYTES, (row + 1) * DIGEST_BYTES);
    return new Map(
      Array.from({ length: shape[0]! }, (_, row) => [digestAt(row), data.slice(row * size, (row + 1) * size)]),
    );
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT')
      options.log.warn({ path, err: cause }, `${options.stage}: cached features cannot be read and are made again`);
    return new Map();
  }
}

/** The images of this training last, so that they are the last to be left out. */
async function writeCache(known: Known, used: ReadonlySet<string>, options: FeatureOptions): Promise<void> {
  const entries = [...known].sort(([a], [b]) => Number(used.has(a)) - Number(used.has(b)));
  const size = entries[0]![1].length;
  const kept = entries.slice(-Math.floor(CACHE_BYTES_MAX / (size * Float32Array.BYTES_PER_ELEMENT + DIGEST_BYTES)));
  const features = new Float32Array(kept.length * size);
  kept.forEach(([, row], index) => features.set(row, index * size));
  const digests = Buffer.from(kept.map(([digest]) => digest).join(''), 'hex');
  const tensors = {
    digests: { shape: [kept.length, DIGEST_BYTES], data: new Uint8Array(digests) },
    features: { shape: [kept.length, size], data: features },
  };
  const path = pathOf(options);
  await mkdir(options.cacheDir, { recursive: true });
  await writeFile(`${path}.${process.pid}`, writeSafetensors({ tensors, metadata: { format: FEATURES_FORMAT } }));
  await rename(`${path}.${process.pid}`, path);
  await removeOldest(options.cacheDir);
}

async function removeOldest(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.safetensors'));
  const files = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), writtenAt: (await stat(join(folder, name))).mtimeMs })),
  );
  files.sort((a, b) => b.writtenAt - a.writtenAt);
  for (const { path } of files.slice(CACHE_FILES_MAX)) await rm(path, { force: true });
}

/** What refused the model becomes MODEL_INVALID; anything else, such as what the signal throws, is passed on. */
export const rethrown =
  (problem: string) =>
  (cause: unknown): never => {
    throw cause instanceof ModelRefused ? unfit(`${problem} (${cause.message})`, cause) : cause;
  };

const unfit = (problem: string, cause?: unknown): PipelineError =>
  new PipelineError('MODEL_INVALID', `training: the backbone of training.backbone.path: ${problem}`, { cause });
