/**
 * Rank-1 on the validation split during training: the share of images whose nearest person is the right one, a person
 * being the mean of some training embeddings. A curve to watch; what decides about deployment is the verifier.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { LabelledImages } from '../data/strategy.ts';
import { imageSize } from './pixels.ts';

/** Training images per person that make its mean: more cost time after every pass and change little. */
const GALLERY_PER_PERSON_MAX = 5;
/** Images in one run of the model: bounds the memory that a large split takes. */
const RUN_IMAGES_MAX = 64;

/** `model` is an exported ONNX file. NaN where a validation split holds nobody whom the training split knows. */
export async function validateRank1(
  model: Uint8Array,
  train: LabelledImages,
  validation: LabelledImages,
  threads: number,
): Promise<number> {
  const session = await InferenceSession.create(model, { intraOpNumThreads: threads });
  try {
    const gallery = galleryIndices(train);
    const means = classMeans(await embed(session, train, gallery), gallery, train);
    const probes = Int32Array.from({ length: validation.count }, (_, index) => index);
    return shareNearest(means, await embed(session, validation, probes), validation.classes);
  } finally {
    await session.release();
  }
}

/** [indices.length, dimensions], by an `images` to `embeddings` session. */
async function embed(session: InferenceSession, set: LabelledImages, indices: Int32Array): Promise<Float32Array> {
  const { channels, height, width } = set.spec;
  const size = imageSize(set);
  const parts: Float32Array[] = [];
  for (let from = 0; from < indices.length; from += RUN_IMAGES_MAX) {
    const chunk = indices.subarray(from, from + RUN_IMAGES_MAX);
    const images = new Float32Array(chunk.length * size);
    chunk.forEach((index, position) =>
      images.set(set.pixels.subarray(index * size, (index + 1) * size), position * size),
    );
    const tensor = new Tensor('float32', images, [chunk.length, channels, height, width]);
    const { embeddings } = await session.run({ images: tensor });
    parts.push(embeddings!.data as Float32Array); // exportModel declares it float32
  }
  return concatenate(parts);
}

function galleryIndices({ classes, count, labels }: LabelledImages): Int32Array {
  const taken = new Int32Array(labels.length);
  const all = Int32Array.from({ length: count }, (_, index) => index);
  return all.filter((index) => (taken[classes[index]!]! += 1) <= GALLERY_PER_PERSON_MAX);
}

/** Sum of embeddings by class, scaled to length 1; people without an image are left out. */
function classMeans(
  embeddings: Float32Array,
  indices: Int32Array,
  { classes }: LabelledImages,
): ReadonlyMap<number, Float32Array> {
  const dimensions = embeddings.length / indices.length;
  const means = new Map<number, Float32Array>();
  indices.forEach((index, row) => {
    const person = classes[index]!;
    const sum = means.get(person) ?? new Float32Array(dimensions);
    for (let i = 0; i < dimensions; i++) sum[i]! += embeddings[row * dimensions + i]!;
    means.set(person, sum);
  });
  for (const sum of means.values()) {
    const length = Math.sqrt(sum.reduce((total, value) => total + value * value, 0)) || 1;
    sum.forEach((value, i) => (sum[i] = value / length));
  }
  return means;
}

function shareNearest(means: ReadonlyMap<number, Float32Array>, embeddings: Float32Array, classes: Int32Array): number {
  const dimensions = embeddings.length / classes.length;
  const hits = classes.filter((person, row) => {
    const embedding = embeddings.subarray(row * dimensions, (row + 1) * dimensions);
    return nearest(means, embedding) === person;
  });
  return hits.length / classes.length;
}

function nearest(means: ReadonlyMap<number, Float32Array>, embedding: Float32Array): number {
  let best = -1;
  let bestScore = -Infinity;
  for (const [person, mean] of means) {
    const score = mean.reduce((sum, value, i) => sum + value * embedding[i]!, 0);
    if (score > bestScore) [best, bestScore] = [person, score];
  }
  return best;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
