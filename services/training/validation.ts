/**
 * Rank-1 on the validation split during training: the share of images whose nearest person is the right one, a person
 * being the mean of some training embeddings. A curve to watch; what decides about deployment is the verifier.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { openImages } from '../data/image-reader.ts';
import type { LabelledImages } from '../data/strategy.ts';
import { galleryOf, identify } from '../serving/gallery.ts';
import { imageSize } from './pixels.ts';
import type { Stop } from './stop.ts';

/** Training images per person that make its mean: more cost time after every pass and change little. */
const GALLERY_PER_PERSON_MAX = 5;
/** Images in one run of the model: bounds the memory that a large split takes. */
const RUN_IMAGES_MAX = 64;

export interface Validation {
  /** An exported ONNX file. */
  readonly model: Uint8Array;
  readonly train: LabelledImages;
  /** At least one image. */
  readonly validation: LabelledImages;
  readonly threads: number;
  /** Looked at between two runs of the model. */
  readonly signal: Stop;
}

export async function validateRank1({ model, train, validation, threads, signal }: Validation): Promise<number> {
  const session = await InferenceSession.create(model, { intraOpNumThreads: threads });
  try {
    const enrolled = selectEnrolled(train);
    const classes = enrolled.map((index) => train.classes[index]!);
    const rows = await embed(session, train, enrolled, signal);
    const gallery = galleryOf(rows, { classes, labels: train.labels, count: enrolled.length }, 0);
    const probes = await embed(session, validation, allOf(validation), signal);
    const dimensions = probes.length / validation.count;
    const hits = validation.classes.filter((person, row) => {
      const embedding = probes.subarray(row * dimensions, (row + 1) * dimensions);
      return identify(gallery, embedding, 1)[0]?.person === validation.labels[person];
    });
    return hits.length / validation.count;
  } finally {
    await session.release();
  }
}

/** The first few images of each person. */
function selectEnrolled(train: LabelledImages): Int32Array {
  const taken = new Int32Array(train.labels.length);
  return allOf(train).filter((index) => (taken[train.classes[index]!]! += 1) <= GALLERY_PER_PERSON_MAX);
}

const allOf = ({ count }: LabelledImages): Int32Array => Int32Array.from({ length: count }, (_, index) => index);

/** [indices.length, dimensions], by an `images` to `embeddings` session. */
async function embed(
  session: InferenceSession,
  set: LabelledImages,
  indices: Int32Array,
  signal: Stop,
): Promise<Float32Array> {
  const { channels, height, width } = set.spec;
  const size = imageSize(set);
  let rows = new Float32Array(0);
  const reader = await openImages(set);
  try {
    for (let from = 0; from < indices.length; from += RUN_IMAGES_MAX) {
      signal.throwIfAborted();
      const chunk = indices.subarray(from, from + RUN_IMAGES_MAX);
      const pixels = new Uint8Array(chunk.length * size);
      await reader.read(chunk, pixels);
      const images = new Tensor('float32', Float32Array.from(pixels), [chunk.length, channels, height, width]);
      const { embeddings } = await session.run({ images });
      const data = embeddings!.data as Float32Array; // exportModel declares it float32
      if (from === 0) rows = new Float32Array((indices.length * data.length) / chunk.length);
      rows.set(data, (from * data.length) / chunk.length);
    }
  } finally {
    await reader.close();
  }
  return rows;
}
