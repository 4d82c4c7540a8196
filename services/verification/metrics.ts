/**
 * Figures of recognition from cosine scores, as pure functions. `genuine` are scores between images of the same person,
 * `impostor` between different people. Every figure is a share, 0..1. Used by accuracy.ts and the benches.
 */

/** Scores of probes against all rows of a gallery. */
export interface ScoreMatrix {
  /** [probes, people] */
  readonly scores: Float32Array;
  readonly people: number;
  /** The right row of each probe; -1 for a person whom the gallery does not have. */
  readonly truth: Int32Array;
}

/**
 * Share of enrolled probes whose best row is their own: closed-set identification at rank 1 (ISO/IEC 19795-1). A tie
 * with another person counts as wrong, so a model that answers always the same reaches 0.
 */
export function rank1({ scores, people, truth }: ScoreMatrix): number {
  let enrolled = 0;
  let right = 0;
  truth.forEach((own, probe) => {
    if (own < 0) return;
    enrolled += 1;
    const row = scores.subarray(probe * people, (probe + 1) * people);
    if (row.every((score, person) => person === own || score < row[own]!)) right += 1;
  });
  return enrolled === 0 ? 0 : right / enrolled;
}

/**
 * Area under the ROC curve by the rank statistic: the chance that a genuine score is higher than an impostor score, a
 * tie counting one half (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747; Mann-Whitney U).
 */
export function rocAuc(genuine: Float32Array, impostor: Float32Array): number {
  return winsOf(genuine, impostor).reduce((sum, wins) => sum + wins, 0) / genuine.length;
}

/** Of each genuine score, the share of the impostor scores that lie below it, a tie counting one half. */
export function winsOf(genuine: Float32Array, impostor: Float32Array): Float64Array {
  const sorted = impostor.slice().sort();
  const below = (score: number) => (countBelow(sorted, score) + countUpTo(sorted, score)) / 2;
  return Float64Array.from(genuine, (score) => below(score) / impostor.length);
}

/**
 * True accept rate at a false accept rate of at most `far`, and the score from which on is accepted (`>=`): FNMR/FMR as
 * NIST reports them (NISTIR 8238), where the threshold comes from the impostor scores alone. It lies half-way between
 * the highest impostor score that must be refused and the next higher score, so that rounding cannot tip it.
 */
export function tarAtFar(
  genuine: Float32Array,
  impostor: Float32Array,
  far: number,
): { readonly tar: number; readonly threshold: number } {
  const impostors = impostor.slice().sort();
  const genuines = genuine.slice().sort();
  const acceptedMax = Math.floor(far * impostors.length);
  const refused = impostors[impostors.length - 1 - acceptedMax] ?? -1;
  const above = [impostors, genuines].map((sorted) => sorted[countUpTo(sorted, refused)]);
  const next = Math.min(...above.map((score) => score ?? Infinity));
  const threshold = Number.isFinite(next) ? (refused + next) / 2 : refused + SCORE_STEP;
  return { tar: (genuines.length - countBelow(genuines, threshold)) / genuines.length, threshold };
}

/** Larger than what rounding does to a cosine of float32 vectors, smaller than any difference that matters. */
const SCORE_STEP = 1e-6;

const countBelow = (sorted: Float32Array, score: number) => firstIndex(sorted, (x) => x >= score);
const countUpTo = (sorted: Float32Array, score: number) => firstIndex(sorted, (x) => x > score);

/** Binary search for the first element that fulfils a monotonic condition; the length if none does. */
function firstIndex(sorted: Float32Array, holds: (x: number) => boolean): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (holds(sorted[middle]!)) to = middle;
    else from = middle + 1;
  }
  return from;
}
