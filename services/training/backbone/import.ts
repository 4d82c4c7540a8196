/**
 * Imports a backbone: opens what is there, finds out how it wants pixels, compares it with its own framework, finds the
 * best crop on enrolled images, and writes one ONNX file that takes pixels 0..255. Called by `nightshift backbone import`.
 */
import { Tensor } from 'onnxruntime-node';
import type { onnx } from 'onnx-proto';
import { FOREIGN_MODEL_LIMITS } from '../../../contracts/configuration/training.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { createRandom } from '../random.ts';
import { assemble, WHOLE, type Crop } from './assemble.ts';
import { checkSource, distance, OriginalUnfit, type Check } from './check.ts';
import { CROPS_TRIED, sampleOf, searchCrop, type CropSearch } from './crop-search.ts';
import { constantsOf } from './graph-tools.ts';
import { lookOf, type Look, type LookFlags } from './look.ts';
import { toBackboneProps, type BackboneMetadata } from './metadata.ts';
import { openWalled } from '../walled/walled-session.ts';
import { openSource, type Source, type SourceOptions } from './source.ts';
import { writeWhole } from '../../write-whole.ts';

export interface ImportOptions {
  /** An ONNX file, or the model.json of a TensorFlow.js graph model. */
  readonly path: string;
  readonly out: string;
  readonly flags: LookFlags;
  readonly output?: string | undefined;
  readonly channels?: number | undefined;
  /** Absent: searched on `images`, the whole picture without them. */
  readonly crop?: Crop | undefined;
  /** A folder with one folder per person. */
  readonly images?: string | undefined;
  /** Most images that the search looks at. */
  readonly sample: number;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ImportReport {
  readonly file: string;
  readonly bytes: number;
  readonly source: {
    readonly path: string;
    readonly digest: string;
    readonly framework: string;
    readonly notes: readonly string[];
  };
  readonly input: Look & { readonly channels: number };
  readonly features: number;
  readonly check: Check;
  readonly crop: Crop;
  /** Null where the crop was not searched. */
  readonly search: CropSearch | null;
  /** One image by itself, on all cores; median of a few. */
  readonly imageMs: number;
}

/** Runs of one image that are timed, after one that is not. */
const TIMED_RUNS = 9;
/** As in check.ts. */
const WORST_MAX = 1e-4;

/** Throws MODEL_INVALID naming the file and what was found, CONFIG_INVALID for what the flags lack, or what sampling throws. */
export async function importBackbone(options: ImportOptions): Promise<ImportReport> {
  const { path, out, crop: wanted, images, sample: imagesMax, onProgress } = options;
  const { source, look, check } = await naming(path, () => openChecked(options));
  const { net, digest, framework, notes, marks } = source;
  const { channels } = net.input;
  let search: CropSearch | null = null;
  if (wanted === undefined && images !== undefined) {
    const sample = await sampleOf(
      images,
      { width: look.width, height: look.height, channels: channels === 1 ? 1 : 3 },
      imagesMax,
    );
    const total = CROPS_TRIED * sample.images.length;
    search = await searchCrop(assemble(net, look, 'open'), sample, (done) => onProgress?.(done, total));
  }
  const crop = wanted ?? search?.best.crop ?? WHOLE;
  const { features, imageMs } = await naming(path, () => tryOut(assemble(net, look, crop), look, channels));
  const metadata: BackboneMetadata = {
    ...{ source: marks.fileName, digest, framework, input: look.from, checked: check.text },
    channels: channels === 1 ? 'grey' : look.bgr ? 'bgr' : 'rgb',
    ...{ mean: look.mean.join(','), scale: look.scale.join(','), size: `${look.width}x${look.height}` },
    crop: [crop.left, crop.top, crop.width, crop.height].map(rounded).join(','),
    features: String(features),
  };
  const file = assemble(net, look, crop, toBackboneProps(metadata));
  await writeWhole('backbone', out, file);
  const from = { path, digest, framework, notes };
  return {
    file: out,
    bytes: file.length,
    source: from,
    input: { ...look, channels },
    features,
    check,
    crop,
    search,
    imageMs,
  };
}

async function openChecked({ path, flags, output, channels }: ImportOptions) {
  const options: SourceOptions = { flags, output, channels };
  const source = await openSource(path, options);
  const look = lookFor(source, flags);
  try {
    return { source, look, check: await checkSource(source, look) };
  } catch (cause) {
    if (!(cause instanceof OriginalUnfit) || !hasFlatSlopes(source.net.model)) throw cause;
    const repaired = await openSource(path, { ...options, slopesPerChannel: true });
    const text = `onnxruntime runs it now; it does not run the original, so nothing was compared (${cause.message.slice(0, 120)})`;
    return { source: repaired, look, check: { against: null, worst: null, text } };
  }
}

const lookFor = ({ marks, net, height, width }: Source, flags: LookFlags): Look =>
  lookOf(flags, marks, net.model, { ...net.input, height, width });

function hasFlatSlopes({ graph }: onnx.IModelProto): boolean {
  const constants = constantsOf(graph!);
  const slopes = (graph!.node ?? [])
    .filter(({ opType }) => opType === 'PRelu')
    .map(({ input }) => constants.get(input?.[1] ?? ''));
  return slopes.some((tensor) => tensor?.dims?.length === 1 && Number(tensor.dims[0]) > 1);
}

/** Length of the features, and the time of one image. Throws an Error where two images at once give other rows than one. */
async function tryOut(model: Uint8Array, { height, width }: Look, channels: number) {
  const session = await openWalled(model, { limits: FOREIGN_MODEL_LIMITS });
  try {
    const size = channels * height * width;
    const random = createRandom(11);
    const pixels = Float32Array.from({ length: 2 * size }, () => Math.floor(256 * random()));
    const run = async (data: Float32Array, count: number) => {
      const images = new Tensor('float32', data, [count, channels, height, width]);
      const { features } = await session.run({ images }, ['features']);
      if (features!.dims[0] !== count) throw new Error(`it gives ${features!.dims[0]} rows for ${count} images`);
      return features!.data as Float32Array; // assemble declares it float32
    };
    const first = await run(pixels.slice(0, size), 1);
    if (!first.every(Number.isFinite))
      throw new Error('a feature is not a finite number; are --mean and --scale right?');
    const both = await run(pixels, 2);
    if (!(distance(both.slice(0, first.length), first) <= WORST_MAX))
      throw new Error('its batch is fixed at 1 inside of the graph: an image has other features beside another one');
    const times: number[] = [];
    for (let at = 0; at < TIMED_RUNS; at++) {
      const began = performance.now();
      await run(pixels.subarray(0, size), 1);
      times.push(performance.now() - began);
    }
    return { features: first.length, imageMs: times.sort((a, b) => a - b)[TIMED_RUNS >> 1]! };
  } finally {
    await session.release();
  }
}

async function naming<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof PipelineError) throw cause;
    throw new PipelineError('MODEL_INVALID', `backbone: ${path} cannot be imported: ${(cause as Error).message}`, {
      cause,
    });
  }
}

const rounded = (value: number): number => Math.round(value * 1e6) / 1e6;
