/**
 * How well a net in training tells people apart, on the validation split: rank-1 (the share of images whose nearest
 * person is the right one, a person being the mean of some training embeddings) and a loss. A curve to watch and to
 * stop by; what decides about deployment is the verifier.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { openImages } from '../../data/image-reader.ts';
import { galleryOf, identify, scoreOf, type GalleryRows } from '../../serving/gallery/gallery.ts';
import { gather, imageSize } from '../input/pixels.ts';
import { ModelRefused, type ModelSession } from '../walled/walled-session.ts';
import type { Stop } from './stop.ts';
import type { TrainingSet } from './subject.ts';

/** Training images per person that make its mean: more cost time after every pass and change little. */
const GALLERY_PER_PERSON_MAX = 5;
/** Images in one run of the model: bounds the memory that a large split takes. */
const RUN_IMAGES_MAX = 64;

export interface Enrolment {
  /** An exported ONNX file, or one that is open, and stays so. */
  readonly model: Uint8Array | ModelSession;
  readonly train: TrainingSet;
  readonly threads: number;
  /** Looked at between two runs of the model. */
  readonly signal: Stop;
}

export interface Rank1Validation extends Enrolment {
  /** At least one image. */
  readonly validation: TrainingSet;
}

export interface Validation extends Rank1Validation {
  /** The classifier's rows, [train.labels.length, dimensions], in the order of `train.labels`. */
  readonly classifier: Float32Array;
  /** Of the cosines in the loss. */
  readonly scale: number;
}

export interface ValidationFigures {
  readonly rank1: number;
  /** Mean of -log softmax(scale * cosine to the classifier's rows) at the right person: without the margin. */
  readonly loss: number;
}

export async function validate({ classifier, scale, ...options }: Validation): Promise<ValidationFigures> {
  const { train, validation } = options;
  const { rank1, probes } = await recognise(options);
  const rows = classifierGallery(classifier, train.labels);
  // Both splits are of one snapshot, so a person has the same number in both.
  const losses = probes.map((embedding, index) => crossEntropy(rows, embedding, validation.classes[index]!, scale));
  return { rank1, loss: losses.reduce((sum, loss) => sum + loss, 0) / validation.count };
}

/** For a model whose classifier is not known. */
export async function validateRank1(options: Rank1Validation): Promise<number> {
  return (await recognise(options)).rank1;
}

/** The rows of people, the embedding of each validation image, and the share of them whose best row is the right one. */
export function recognise({ model, train, validation, threads, signal }: Rank1Validation) {
  return withSession(model, threads, async (session) => {
    const gallery = await galleryFor(session, train, selectEnrolled(train), signal);
    const rows = await embed(session, validation, allOf(validation), signal);
    const dimensions = rows.length / validation.count;
    const probes = Array.from({ length: validation.count }, (_, index) =>
      rows.subarray(index * dimensions, (index + 1) * dimensions),
    );
    const names = Array.from(validation.classes, (person) => validation.labels[person]!);
    const hits = names.filter((name, index) => identify(gallery, probes[index]!, 1)[0]?.person === name);
    return { rank1: hits.length / validation.count, gallery, probes };
  });
}

/** The mean embedding, of length 1, of each of `people` that has a training image, by name. */
export function enrol(
  { model, train, threads, signal }: Enrolment,
  people: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Float32Array>> {
  return withSession(model, threads, async (session) => {
    const enrolled = selectEnrolled(train).filter((index) => people.has(train.labels[train.classes[index]!]!));
    const { labels, embeddings } = await galleryFor(session, train, enrolled, signal);
    const dimensions = embeddings.length / labels.length;
    return new Map(labels.map((label, row) => [label, embeddings.slice(row * dimensions, (row + 1) * dimensions)]));
  });
}

/** The largest logit is taken out of the sum, so that no exponential overflows. */
function crossEntropy(rows: GalleryRows, embedding: Float32Array, right: number, scale: number): number {
  const logits = rows.labels.map((_, row) => scale * scoreOf(rows, row, embedding));
  const top = logits.reduce((most, logit) => Math.max(most, logit));
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - top), 0);
  return top + Math.log(sum) - logits[right]!;
}

async function withSession<T>(
  model: Enrolment['model'],
  threads: number,
  use: (session: ModelSession) => Promise<T>,
): Promise<T> {
  if (!(model instanceof Uint8Array)) return use(model);
  const session = await InferenceSession.create(model, { intraOpNumThreads: threads });
  try {
    return await use(session);
  } finally {
    await session.release();
  }
}

/** The rows of the classifier, brought to length 1. */
function classifierGallery(classifier: Float32Array, labels: readonly string[]): GalleryRows {
  const count = labels.length;
  return galleryOf(classifier, { classes: allOf({ count }), labels, count });
}

async function galleryFor(
  session: ModelSession,
  train: TrainingSet,
  enrolled: Int32Array,
  signal: Stop,
): Promise<GalleryRows> {
  const rows = await embed(session, train, enrolled, signal);
  const classes = enrolled.map((index) => train.classes[index]!);
  return galleryOf(rows, { classes, labels: train.labels, count: enrolled.length });
}
/** The first few images of each person. */
function selectEnrolled(train: TrainingSet): Int32Array {
  const taken = new Int32Array(train.labels.length);
  return allOf(train).filter((index) => (taken[train.classes[index]!]! += 1) <= GALLERY_PER_PERSON_MAX);
}

const allOf = ({ count }: Pick<TrainingSet, 'count'>): Int32Array =>
  Int32Array.from({ length: count }, (_, index) => index);

/** [indices.length, dimensions], by an `images` to `embeddings` session. */
async function embed(
  session: ModelSession,
  set: TrainingSet,
  indices: Int32Array,
  signal: Stop,
): Promise<Float32Array> {
  const { channels, height, width } = set.spec;
  let rows = new Float32Array(0);
  const reader = openValues(set);
  try {
    for (let from = 0; from < indices.length; from += RUN_IMAGES_MAX) {
      signal.throwIfAborted();
      const chunk = indices.subarray(from, from + RUN_IMAGES_MAX);
      const values = await reader.read(chunk);
      const images = new Tensor('float32', values, [chunk.length, channels, height, width]);
      const { embeddings } = await session.run({ images }, ['embeddings']);
      const data = embeddings!.data as Float32Array; // exportModel declares it float32
      const size = data.length / chunk.length;
      if (from === 0) rows = new Float32Array(indices.length * Math.ceil(size));
      if (size * indices.length !== rows.length)
        throw new ModelRefused(`it gives ${data.length} values for ${chunk.length} images`);
      rows.set(data, from * size);
    }
  } finally {
    reader.close();
  }
  return rows;
}

/** Reads what the model takes: pixels 0..255, or features. */
function openValues(set: TrainingSet) {
  const size = imageSize(set);
  if ('features' in set)
    return { read: async (indices: Int32Array) => gather(set.features, size, indices), close() {} };
  const reader = openImages(set);
  const read = async (indices: Int32Array) => {
    const pixels = new Uint8Array(indices.length * size);
    await reader.read(indices, pixels);
    return Float32Array.from(pixels);
  };
  return { read, close: () => reader.close() };
}
