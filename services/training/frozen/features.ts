/**
 * The features of images under a frozen backbone, kept on disk from night to night: an image that was seen before costs
 * one hash. Keys are the digests of the pixels, so a renamed or moved image is the same. In memory are the digests of tonight's
 * images; features stay in the file (feature-file.ts). Called by subject.ts for what is trained on, by by-features.ts for
 * what is verified.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import type { ImageSpec } from '../../../contracts/dataset.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import type { EmbeddableImages, TrainingImages } from '../../data/strategy.ts';
import { imageBytesOf, openImages } from '../../data/image-reader.ts';
import type { WorkContext } from '../../work.ts';
import type { Stop } from '../loop/stop.ts';
import {
  openFeatureFile,
  removeLeftOver,
  rowsIn,
  stateOf,
  writeFeatureFile,
  type FeatureFile,
} from './feature-file.ts';
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
/** Of one file; beyond that what tonight does not need is left out, the oldest first. 2 million images of 128 features. */
const CACHE_BYTES_MAX = 1024 ** 3;
/** Files, one per backbone and settings; those written longest ago are removed. */
const CACHE_FILES_MAX = 4;
const DIGEST_BYTES = 32;

type FeatureImages = TrainingImages | EmbeddableImages;

export interface Features {
  /** The length of one. */
  readonly size: number;
  readonly sets: readonly FeatureRows[];
  /** Of the file that they lie in. */
  close(): void;
}

/** The features of one set, which are read when they are asked for. */
export interface FeatureRows {
  /** Those of images `from` up to `end`, [end - from, n]. */
  copy(from: number, end: number): Float32Array;
}

/** Of each set. At least one image. Throws what the runner throws, or what the signal throws. */
export async function featuresOf(sets: readonly FeatureImages[], options: FeatureOptions): Promise<Features> {
  const { stage, log } = options;
  const digests: string[][] = [];
  for (const set of sets) digests.push(await digestsOf(set, options.signal));
  const wanted = new Set(digests.flat());
  const state = await stateOf(pathOf(options));
  const found = openCache(options);
  const { places, broken } = found ? wholePlacesOf(found, wanted, options) : NOTHING_KEPT;
  const [images, computed] = [digests.reduce((sum, list) => sum + list.length, 0), wanted.size - places.size];
  const file =
    computed === 0 && found ? found : await withMissing(sets, digests, { found, places, broken, state }, options);
  log.info(
    { images, computed, cached: found?.count ?? 0 },
    `${stage}: features of ${images} images, ${computed} of them new`,
  );
  const rows = file === found ? places : placesOf(file, wanted);
  return { size: file.size, sets: digests.map((list) => rowsOf(list, file, rows)), close: file.close };
}

/** In which row of the file a digest is, of those that are wanted. */
type Places = ReadonlyMap<string, number>;

function placesOf(file: FeatureFile, wanted: ReadonlySet<string>): Map<string, number> {
  const places = new Map<string, number>();
  for (const [digest, row] of file.digests()) if (wanted.has(digest)) places.set(digest, row);
  return places;
}

const NOTHING_KEPT: Pick<Cached, 'places' | 'broken'> = { places: new Map(), broken: new Set() };

/** Without rows that are not what was written: these are made again. */
function wholePlacesOf(
  file: FeatureFile,
  wanted: ReadonlySet<string>,
  { stage, log, key }: FeatureOptions,
): Pick<Cached, 'places' | 'broken'> {
  const all = placesOf(file, wanted);
  const broken = file.damaged(all);
  if (broken.size === 0) return { places: all, broken };
  log.warn({ key, damaged: broken.size }, `${stage}: ${broken.size} cached features are damaged and are made again`);
  return { places: new Map([...all].filter(([, row]) => !broken.has(row))), broken };
}

const rowsOf = (digests: readonly string[], file: FeatureFile, places: Places): FeatureRows => ({
  copy: (from, end) => {
    const target = new Float32Array((end - from) * file.size);
    file.read(
      digests.slice(from, end).map((digest) => places.get(digest)!),
      target,
    );
    return target;
  },
});

interface Cached {
  readonly found: FeatureFile | null;
  readonly places: Places;
  /** Rows of wanted digests that are damaged. */
  readonly broken: ReadonlySet<number>;
  /** Of the path, before the file was opened. */
  readonly state: string | null;
}

/** The file made anew, tonight's images last. */
async function withMissing(
  sets: readonly FeatureImages[],
  digests: readonly (readonly string[])[],
  cached: Cached,
  options: FeatureOptions,
): Promise<FeatureFile> {
  const { found, places, broken, state } = cached;
  const missing = [...new Set(digests.flat().filter((digest) => !places.has(digest)))];
  const runner = await options.open();
  try {
    const computed = computedRows(runner, sets, digests, places, missing.length, options);
    const first = await computed.next();
    if (first.done) throw new Error('there is no image to make features of');
    const size = found?.size ?? first.value.rows.length / first.value.images;
    const skip = found ? skippedOf(found, cached, missing.length) : 0;
    const kept = () => (found ? keptOf(found, cached, skip) : []);
    await mkdir(options.cacheDir, { recursive: true });
    const count = (found?.count ?? 0) - broken.size - skip + missing.length;
    const names = function* () {
      for (const [digest] of kept()) yield digest;
      yield* missing;
    };
    const rows = (async function* () {
      if (found) yield* rowsIn(found, rowsOnly(kept()));
      yield { features: first.value.rows };
      for await (const { rows: features } of computed) yield { features };
    })();
    const file = await writeFeatureFile(pathOf(options), { size, count, digests: names, rows }, state);
    await removeOldest(options.cacheDir);
    await removeLeftOver(options.cacheDir, Date.now());
    return file;
  } finally {
    found?.close();
    await runner.close();
  }
}

/** How many rows of the file, the first ones that tonight does not need, there is no room for. */
function skippedOf(found: FeatureFile, { places, broken }: Pick<Cached, 'places' | 'broken'>, missing: number): number {
  const room = Math.floor(CACHE_BYTES_MAX / (found.size * Float32Array.BYTES_PER_ELEMENT + DIGEST_BYTES));
  const count = found.count - broken.size;
  return Math.min(count - places.size, Math.max(0, count + missing - room));
}

/** The others, those that tonight needs last. Read twice: the names of two million rows are half a gigabyte. */
function* keptOf(
  found: FeatureFile,
  { places, broken }: Pick<Cached, 'places' | 'broken'>,
  skip: number,
): Generator<readonly [digest: string, row: number]> {
  let unwanted = 0;
  for (const one of found.digests()) if (!places.has(one[0]) && !broken.has(one[1]) && ++unwanted > skip) yield one;
  for (const one of found.digests()) if (places.has(one[0])) yield one;
}

function* rowsOnly(kept: Iterable<readonly [string, number]>): Generator<number> {
  for (const [, row] of kept) yield row;
}

/** Of each digest that has no place, in their order, a run of the backbone at a time. */
async function* computedRows(
  runner: FeatureRunner,
  sets: readonly FeatureImages[],
  digests: readonly (readonly string[])[],
  places: Places,
  missing: number,
  options: FeatureOptions,
): AsyncGenerator<{ readonly rows: Float32Array; readonly images: number }> {
  const done = new Set<string>();
  for (const [index, set] of sets.entries()) {
    const first: number[] = [];
    digests[index]!.forEach((digest, image) => {
      if (places.has(digest) || done.has(digest)) return;
      done.add(digest);
      first.push(image);
    });
    let reported = done.size - first.length;
    for await (const { pixels, chunk } of chunksOf(set, first, options.signal)) {
      const rows = await runner.run(pixels, chunk.length);
      report((reported += chunk.length), missing, options);
      yield { rows, images: chunk.length };
    }
  }
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

async function* chunksOf(
  set: FeatureImages,
  indices: readonly number[],
  signal: Stop,
): AsyncGenerator<{ readonly pixels: Uint8Array; readonly chunk: readonly number[] }> {
  const reader = openImages(set);
  try {
    for (let from = 0; from < indices.length; from += RUN_IMAGES_MAX) {
      signal.throwIfAborted();
      const chunk = indices.slice(from, from + RUN_IMAGES_MAX);
      const pixels = new Uint8Array(chunk.length * imageBytesOf(set.spec));
      await reader.read(Int32Array.from(chunk), pixels);
      yield { pixels, chunk };
    }
  } finally {
    reader.close();
  }
}

async function digestsOf(set: FeatureImages, signal: Stop): Promise<string[]> {
  const digests: string[] = [];
  const size = imageBytesOf(set.spec);
  for await (const { pixels, chunk } of chunksOf(set, [...Array(set.count).keys()], signal)) {
    for (let place = 0; place < chunk.length; place++)
      digests.push(
        createHash('sha256')
          .update(pixels.subarray(place * size, (place + 1) * size))
          .digest('hex'),
      );
  }
  return digests;
}

/** The fraction stays at 0: what share of the training this is shows only afterwards. */
function report(done: number, total: number, { progress }: FeatureOptions): void {
  progress({ fraction: 0, done, total, unit: 'image', figures: {} });
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
function openCache(options: FeatureOptions): FeatureFile | null {
  const path = pathOf(options);
  try {
    return openFeatureFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT')
      options.log.warn({ path, err: cause }, `${options.stage}: cached features cannot be read and are made again`);
    return null;
  }
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
