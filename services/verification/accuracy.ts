/**
 * Measures how well a model recognises: the gallery is built with the model from the enrolled images, each probe is
 * scored against every row of it, exactly as a replica does. The score from which a face counts as known comes from
 * the same scores. Candidate and champion are measured by the same code.
 */
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { PipelineError } from '../../contracts/errors.ts';
import type { Accuracy } from '../../contracts/verification.ts';
import type { LabelledImages } from '../data/strategy.ts';
import { embedAll } from '../serving/host/embed-all.ts';
import { galleryOf, scoreOf, type Gallery } from '../serving/gallery/gallery.ts';
import type { WorkContext } from '../work.ts';
import { rank1, rocAuc, splitScores, tarAtFar, type ScoreMatrix } from './metrics.ts';
import type { Measurable, VerificationStrategy } from './strategy.ts';

/** The threshold lets one of a hundred comparisons with a wrong person pass. Stricter ones need far more probes. */
export const FALSE_ACCEPT_RATE = 1e-2;
/** Impostor scores that are kept; at a false accept rate of 1 % ten thousand would already be plenty. */
const IMPOSTORS_MAX = 2_000_000;
/** Probes scored before others get a turn: about a millisecond with a thousand people. */
const PROBES_PER_TURN = 8;

/** The gallery that was built on the way: with the threshold, it is what the release will serve. */
export interface AccuracyWithGallery extends Accuracy {
  readonly gallery: Gallery;
}

export const createAccuracyStrategy = (): VerificationStrategy<AccuracyWithGallery> => ({
  name: 'accuracy',
  measure: measureAccuracy,
});

/**
 * Throws DATASET_TOO_SMALL if nothing can be compared, MODEL_INVALID if the model yields no numbers, and the errors of
 * the host.
 */
async function measureAccuracy(
  { host, gallery, probes }: Measurable,
  context: WorkContext,
): Promise<AccuracyWithGallery> {
  const { signal } = context;
  const total = gallery.count + probes.count;
  const report = (done: number) =>
    context.progress({ fraction: done / total, done, total, unit: 'image', figures: {} });
  const galleryRows = await embedAll(host, gallery, { signal, onDone: report });
  const probeRows = await embedAll(host, probes, { signal, onDone: (done) => report(gallery.count + done) });
  refuseNonNumbers(galleryRows, probeRows);
  const enrolled = galleryOf(galleryRows, gallery, 0);
  const matrix = await score(enrolled, probeRows, probes, signal);
  const { genuine, impostor } = splitScores(matrix, IMPOSTORS_MAX);
  refuseTooFew(genuine, impostor, enrolled);
  const { tar, threshold } = tarAtFar(genuine, impostor, FALSE_ACCEPT_RATE);
  return {
    rank1: rank1(matrix),
    rocAuc: rocAuc(genuine, impostor),
    tarAtFar1e2: tar,
    threshold,
    probes: genuine.length,
    galleryPeople: enrolled.labels.length,
    gallery: { ...enrolled, threshold },
  };
}

/** All probes against all rows. A probe of a person without an enrolled image takes part as an impostor only. */
async function score(
  gallery: Gallery,
  probeRows: Float32Array,
  probes: LabelledImages,
  signal: AbortSignal,
): Promise<ScoreMatrix> {
  const people = gallery.labels.length;
  const dimensions = probeRows.length / probes.count;
  const scores = new Float32Array(probes.count * people);
  for (let probe = 0; probe < probes.count; probe++) {
    const embedding = probeRows.subarray(probe * dimensions, (probe + 1) * dimensions);
    for (let row = 0; row < people; row++) scores[probe * people + row] = scoreOf(gallery, row, embedding);
    if (probe % PROBES_PER_TURN !== PROBES_PER_TURN - 1) continue;
    await yieldToOthers();
    signal.throwIfAborted();
  }
  const rowOfLabel = new Map(gallery.labels.map((label, row) => [label, row]));
  const truth = Int32Array.from(probes.classes, (person) => rowOfLabel.get(probes.labels[person]!) ?? -1);
  return { scores, people, truth };
}

function refuseTooFew(genuine: Float32Array, impostor: Float32Array, gallery: Gallery): void {
  if (genuine.length > 0 && impostor.length > 0) return;
  throw new PipelineError(
    'DATASET_TOO_SMALL',
    `verifier: ${genuine.length} probes show one of the ${gallery.labels.length} enrolled people; at least one probe ` +
      'and two people are needed. Collect more images per person, or raise split.probe.',
  );
}

function refuseNonNumbers(...rows: readonly Float32Array[]): void {
  if (rows.every((values) => values.every(Number.isFinite))) return;
  throw new PipelineError(
    'MODEL_INVALID',
    'verifier: the model yields embeddings that are not numbers; did it diverge?',
  );
}
