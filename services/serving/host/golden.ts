/**
 * Golden samples: a few images and the embeddings that the verifier saw for them. A replica runs them through a freshly
 * loaded model: they warm it up, and prove that it answers here, too, as it did when it was verified.
 */
import { PipelineError } from '../../../contracts/errors.ts';
import { ImageSpecSchema, type ImageSpec } from '../../../contracts/dataset.ts';
import { readImages } from '../../data/image-reader.ts';
import type { EmbeddableImages } from '../../data/strategy.ts';
import { floatTensor, readSafetensors, writeSafetensors } from '../../safetensors.ts';
import type { ModelHost } from '../strategy.ts';

export interface Golden {
  /** The images that the model takes: a replica learns it here, and needs no configuration of its own. */
  readonly spec: ImageSpec;
  /** [count, channels, height, width], values 0..255. */
  readonly pixels: Uint8Array;
  readonly count: number;
  /** [count, dimensions] */
  readonly embeddings: Float32Array;
}

/** Enough to notice a wrong model or runtime, few enough to travel with every release. */
export const GOLDEN_SAMPLES = 8;
/** Batch size and processor change embeddings by about 1e-6; a wrong model changes them by 1e-1. */
export const GOLDEN_DIFFERENCE_MAX = 1e-3;

/** Images spread evenly over the split, so that they are of different people. Throws what the host throws. */
export async function takeGolden(host: ModelHost, images: EmbeddableImages): Promise<Golden> {
  const count = Math.min(GOLDEN_SAMPLES, images.count);
  const chosen = Array.from({ length: count }, (_, place) => Math.floor((place * images.count) / count));
  const pixels = await readImages(images, chosen);
  return { spec: images.spec, pixels, count, embeddings: await host.embed({ pixels, count }) };
}

/** Throws MODEL_MISMATCH when the host's model answers differently. */
export async function checkGolden(host: ModelHost, golden: Golden): Promise<void> {
  const embeddings = await host.embed(golden);
  if (embeddings.length !== golden.embeddings.length) {
    throw mismatch(
      `embeddings have ${host.dimensions} values, ${golden.embeddings.length / golden.count} were expected`,
    );
  }
  const difference = embeddings.reduce((max, x, i) => Math.max(max, Math.abs(x - golden.embeddings[i]!)), 0);
  // Written so that a difference that is not a number fails, too.
  if (!(difference <= GOLDEN_DIFFERENCE_MAX)) {
    throw mismatch(`embeddings differ by ${difference.toExponential(2)}, at most ${GOLDEN_DIFFERENCE_MAX} is allowed`);
  }
}

export function writeGolden({ spec, pixels, count, embeddings }: Golden): Buffer {
  const images = { shape: [count, spec.channels, spec.height, spec.width], data: pixels };
  const tensors = { images, embeddings: { shape: [count, embeddings.length / count], data: embeddings } };
  return writeSafetensors({ tensors, metadata: { format: 'nightshift.golden/1' } });
}

/** Throws BLOB_CORRUPT, naming `what`. */
export function readGolden(bytes: Uint8Array, what: string): Golden {
  const file = readSafetensors(bytes, what);
  const { data: embeddings, shape } = floatTensor(file, 'embeddings', 2, what);
  const images = file.tensors.images;
  const [count = 0, channels, height, width] = images?.shape ?? [];
  const spec = ImageSpecSchema.safeParse({ channels, height, width });
  if (!(images?.data instanceof Uint8Array) || !spec.success || count !== shape[0] || count === 0) {
    const wanted = 'a byte tensor "images" [count, channels, height, width] with one image per embedding';
    throw new PipelineError('BLOB_CORRUPT', `${what}: expected ${wanted}`);
  }
  return { spec: spec.data, pixels: images.data, count, embeddings };
}

const mismatch = (why: string) => new PipelineError('MODEL_MISMATCH', `golden samples: ${why}`);
