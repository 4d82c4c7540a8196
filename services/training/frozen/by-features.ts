/**
 * Embeddings of images by way of the features that are kept of them: of a model on a frozen backbone the head alone has to
 * run. Their backbone is the model's own, by its bytes, and a sample is compared with the whole model, so that what is
 * verified is what serves. Called by the verifier.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { openImages, readImages } from '../../data/image-reader.ts';
import type { EmbeddableImages } from '../../data/strategy.ts';
import { createModelHost } from '../../serving/host/model-host.ts';
import type { ModelHost, ModelHostOptions } from '../../serving/strategy.ts';
import type { WorkContext } from '../../work.ts';
import { featuresOf, type FeatureRows, type FeatureRunner, type Features } from './features.ts';
import { FEATURES, splitModel, type SplitModel } from './feature-part.ts';

/** In one run of the head. */
const RUN_IMAGES_MAX = 64;
/** Images that are embedded by the whole model as well: one batch of a host. */
const SAMPLE = 32;
/** Of a value, in rows of length 1: sums in another order lie 1e-6 apart. */
const APART_MAX = 1e-4;

export interface ByFeatures {
  readonly model: Uint8Array;
  /** Of the whole model. */
  readonly host: ModelHost;
  /** For the backbone, if it has to run. */
  readonly hostOptions: Omit<ModelHostOptions, 'model' | 'image'>;
  readonly cacheDir: string;
}

/**
 * [count, dimensions] of each set; null for a model that has no frozen backbone. Throws what a host or the signal throws.
 */
export async function embedByFeatures(
  sets: readonly EmbeddableImages[],
  { model, host, hostOptions, cacheDir }: ByFeatures,
  { signal, log, progress }: Pick<WorkContext, 'signal' | 'log' | 'progress'>,
): Promise<readonly Float32Array[] | null> {
  const split = splitModel(model);
  if (split === null) return null;
  const image = sets[0]!.spec;
  const open = () => openHost({ model: split.features, image, ...hostOptions });
  const seen = split.isMirrored ? [...sets, ...sets.map(mirrored)] : sets;
  const features = await featuresOf(seen, {
    ...{ open, key: split.key, cacheDir, stage: 'verifier', signal, log, progress },
  });
  const rows = await embed(split, sets, features).finally(features.close);
  const apart = await distanceFrom(host, sets[0]!, rows[0]!);
  if (apart <= APART_MAX) return rows;
  log.warn({ apart, key: split.key }, 'verifier: kept features give other embeddings than the model, which runs whole');
  return null;
}

async function openHost(options: ModelHostOptions): Promise<FeatureRunner> {
  const host = await createModelHost(options);
  return { run: (pixels, count) => host.embed({ pixels, count }), close: () => host.close() };
}

async function embed(
  { head, isMirrored }: SplitModel,
  sets: readonly EmbeddableImages[],
  { sets: features, size }: Features,
): Promise<Float32Array[]> {
  const session = await InferenceSession.create(head, { intraOpNumThreads: 1 });
  try {
    const rows: Float32Array[] = [];
    for (const [index, { count }] of sets.entries()) {
      const sides = isMirrored ? [features[index]!, features[sets.length + index]!] : [features[index]!];
      rows.push(await embedSet(session, sides, count, size));
    }
    return rows;
  } finally {
    await session.release();
  }
}

/** `sides`: the features of the images, and of their mirror images. */
async function embedSet(
  session: InferenceSession,
  sides: readonly FeatureRows[],
  count: number,
  size: number,
): Promise<Float32Array> {
  let rows = new Float32Array(0);
  for (let from = 0; from < count; from += RUN_IMAGES_MAX) {
    const end = Math.min(count, from + RUN_IMAGES_MAX);
    const input = new Float32Array(sides.length * (end - from) * size);
    sides.forEach((side, place) => input.set(side.copy(from, end), place * (end - from) * size));
    const { embeddings } = await session.run({ [FEATURES]: new Tensor(input, [input.length / size, size]) });
    const part = embeddings!.data as Float32Array; // splitModel declares it float32
    const dimensions = part.length / (end - from);
    if (from === 0) rows = new Float32Array(count * dimensions);
    rows.set(part, from * dimensions);
  }
  return rows;
}

/** The largest distance of two values, of a few images from all over the set. */
async function distanceFrom(host: ModelHost, images: EmbeddableImages, rows: Float32Array): Promise<number> {
  const count = Math.min(SAMPLE, images.count);
  const chosen = Array.from({ length: count }, (_, place) => Math.floor((place * images.count) / count));
  const own = await host.embed({ pixels: await readImages(images, chosen), count });
  const { dimensions } = host;
  return own.reduce((most, value, at) => {
    const image = chosen[Math.floor(at / dimensions)]!;
    return Math.max(most, Math.abs(value - rows[image * dimensions + (at % dimensions)]!));
  }, 0);
}

/** Mirrored as they are read. */
function mirrored(images: EmbeddableImages): EmbeddableImages {
  const { spec, classes, labels, count } = images;
  const { read } = openImages(images);
  return {
    ...{ spec, classes, labels, count },
    read: async (indices, target) => {
      await read(indices, target);
      for (let row = 0; row < target.length; row += spec.width) target.subarray(row, row + spec.width).reverse();
    },
  };
}
