/**
 * How well the default net recognises faces that it has not seen, against the floor of plain pixels. A folder per
 * person; images 1-5 train and enrol, 6-10 are probes. Called by bench/run.ts. The number of passes is fixed, so that
 * one seed gives the same figures on a fast and on a slow machine.
 */
import { availableParallelism } from 'node:os';
import { TrainingConfigSchema } from '../contracts/pipeline.ts';
import { embedAll } from '../services/serving/embed-all.ts';
import { galleryOf, scoreOf } from '../services/serving/gallery.ts';
import { createModelHost } from '../services/serving/model-host.ts';
import { imageSize, zNormalise } from '../services/training/pixels.ts';
import { createTrainingStrategy } from '../services/training/strategies.ts';
import type { TrainingOutcome } from '../services/training/strategy.ts';
import type { LabelledImages } from '../services/data/strategy.ts';
import { rank1, rocAuc, tarAtFar } from '../services/verification/metrics.ts';
import { loadFaces, type Faces } from './faces.ts';

export interface AccuracyBenchOptions {
  /** One sub-folder per person, images numbered in their names. */
  readonly dataFolder: string;
  /** One JSON object on standard output instead of a table. */
  readonly json: boolean;
  /** Ends training early; the figures then depend on the machine. */
  readonly seconds?: number;
  readonly seed?: number;
}

export interface AccuracyBenchResult {
  /** Share of probes whose nearest enrolled image is of the same person. */
  readonly rank1: number;
  /** The same against the mean embedding of each person, which is what replicas do. */
  readonly rank1ClassMean: number;
  /** Over all pairs of probes. */
  readonly rocAuc: number;
  readonly tarAtFar1e2: number;
  readonly people: number;
  readonly probes: number;
  readonly epochs: number;
  readonly trainSeconds: number;
  readonly imagesPerSecond: number;
  readonly floors: { readonly rawPixels: number };
}

/** 210 steps; ten passes more gain half a point at most. */
const EPOCHS = 30;

export async function runAccuracyBench(options: AccuracyBenchOptions): Promise<AccuracyBenchResult> {
  const faces = await loadFaces(options.dataFolder);
  const began = performance.now();
  const outcome = await train(faces.gallery, options);
  const trainSeconds = (performance.now() - began) / 1000;
  const result = { ...(await measure(faces, outcome)), trainSeconds };
  print(result, options.json);
  return result;
}

function train(images: LabelledImages, { seconds, seed = 1 }: AccuracyBenchOptions): Promise<TrainingOutcome> {
  const limit = seconds === undefined ? {} : { maxDurationMs: 1000 * seconds };
  const config = TrainingConfigSchema.parse({ epochs: EPOCHS, seed, ...limit });
  const job = { runId: 'bench', model: 'face', config, train: images, validation: null, resumeFrom: null };
  return createTrainingStrategy(config.strategy).train(
    { ...job, datasetDigest: `sha256:${'0'.repeat(64)}` },
    {
      signal: new AbortController().signal,
      progress: () => {},
      log: { info: () => {}, warn: () => {} },
      now: () => performance.now(),
      saveCheckpoint: async () => {},
    },
  );
}

async function measure(
  { gallery, probes }: Faces,
  { model, epochs, imagesPerSecond }: TrainingOutcome,
): Promise<Omit<AccuracyBenchResult, 'trainSeconds'>> {
  const host = await createModelHost({
    model,
    image: gallery.spec,
    queueMax: 64,
    batchMax: 32,
    threads: availableParallelism(),
  });
  const galleryRows = await embedAll(host, gallery);
  const probeRows = await embedAll(host, probes);
  await host.close();
  const { genuine, impostor } = pairScores(probeRows, probes);
  return {
    rank1: nearestImage(galleryRows, gallery, probeRows, probes),
    rank1ClassMean: nearestMean(galleryRows, gallery, probeRows, probes),
    rocAuc: rocAuc(genuine, impostor),
    tarAtFar1e2: tarAtFar(genuine, impostor, 1e-2).tar,
    people: gallery.labels.length,
    probes: probes.count,
    epochs,
    imagesPerSecond,
    floors: { rawPixels: nearestImage(pixelRows(gallery), gallery, pixelRows(probes), probes) },
  };
}

/** Rows are compared by their product; every person's score is that of their best image. */
function nearestImage(
  galleryRows: Float32Array,
  gallery: LabelledImages,
  probeRows: Float32Array,
  probes: LabelledImages,
): number {
  const people = gallery.labels.length;
  const scores = new Float32Array(probes.count * people).fill(-Infinity);
  for (let probe = 0; probe < probes.count; probe++) {
    for (let image = 0; image < gallery.count; image++) {
      const at = probe * people + gallery.classes[image]!;
      const score = product(row(probeRows, probe, probes.count), row(galleryRows, image, gallery.count));
      scores[at] = Math.max(scores[at]!, score);
    }
  }
  return rank1({ scores, people, truth: probes.classes });
}

function nearestMean(
  galleryRows: Float32Array,
  images: LabelledImages,
  probeRows: Float32Array,
  probes: LabelledImages,
): number {
  const gallery = galleryOf(galleryRows, images, 0);
  const people = gallery.labels.length;
  const scores = Float32Array.from({ length: probes.count * people }, (_, at) =>
    scoreOf(gallery, at % people, row(probeRows, Math.floor(at / people), probes.count)),
  );
  return rank1({ scores, people, truth: probes.classes });
}

function pairScores(rows: Float32Array, { classes, count }: LabelledImages) {
  const genuine: number[] = [];
  const impostor: number[] = [];
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      const side = classes[a] === classes[b] ? genuine : impostor;
      side.push(product(row(rows, a, count), row(rows, b, count)));
    }
  }
  return { genuine: Float32Array.from(genuine), impostor: Float32Array.from(impostor) };
}

/** Pixels z-normalised per image, so that the product of two rows orders images as their distance does. */
function pixelRows(images: LabelledImages): Float32Array {
  const size = imageSize(images);
  const rows = new Float32Array(images.count * size);
  for (let at = 0; at < rows.length; at += size)
    zNormalise(images.pixels.subarray(at, at + size), rows.subarray(at, at + size));
  return rows;
}

const row = (rows: Float32Array, index: number, count: number): Float32Array =>
  rows.subarray((index * rows.length) / count, ((index + 1) * rows.length) / count);

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function print(result: AccuracyBenchResult, json: boolean): void {
  if (json) return console.log(JSON.stringify(result));
  const share = (value: number) => `${(100 * value).toFixed(1)} %`;
  console.log(`People ${result.people}, probes ${result.probes}, passes ${result.epochs}`);
  console.log(`Rank-1, nearest image    ${share(result.rank1)}`);
  console.log(`Rank-1, class mean       ${share(result.rank1ClassMean)}`);
  console.log(`ROC AUC, probe pairs     ${result.rocAuc.toFixed(4)}`);
  console.log(`TAR at FAR 1e-2          ${share(result.tarAtFar1e2)}`);
  console.log(`Floor: raw pixels        ${share(result.floors.rawPixels)}`);
  console.log(
    `Training                 ${result.trainSeconds.toFixed(1)} s, ${result.imagesPerSecond.toFixed(0)} images/s`,
  );
}
