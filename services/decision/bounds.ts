/**
 * How sure a share is: the exact binomial bounds where each trial stands alone, and the bootstrap over people where one
 * person has several. Images of one person are not independent: 60 searches by 5 people say less than 60 by 60. Pure;
 * the same seed gives the same bounds.
 */
import { createRandom, type Random } from '../training/random.ts';

/** Of each bound alone: the share lies above the lower, and below the upper one, with this confidence. */
export const CONFIDENCE = 0.95;
/** The bounds are then good to a tenth of the distance to the share. */
export const RESAMPLES = 2_000;

/** So many of the trials of one person had the outcome that is counted. */
export interface PersonCount {
  readonly person: string;
  readonly hits: number;
  readonly trials: number;
}

export interface Bounds {
  readonly lower: number;
  readonly upper: number;
}

export interface BootstrapOptions {
  readonly seed: number;
  readonly confidence?: number;
  readonly resamples?: number;
}

/** One-sided bounds, each at `confidence` (Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404). */
export function clopperPearson(hits: number, trials: number, confidence = CONFIDENCE): Bounds {
  if (trials === 0) return { lower: 0, upper: 1 };
  return {
    lower: hits === 0 ? 0 : shareAt(hits - 1, trials, confidence),
    upper: hits === trials ? 1 : shareAt(hits, trials, 1 - confidence),
  };
}

/** The least upper bound that so many trials can give: with no hit at all. "Rule of three": about 3 / trials. */
export const bestUpperBound = (trials: number, confidence = CONFIDENCE): number =>
  clopperPearson(0, trials, confidence).upper;

/**
 * The wider of the exact binomial bounds and those of the bootstrap over people. The first are too narrow if images of
 * one person go together, the second if nothing or next to nothing was hit.
 */
export function boundsOverPeople(counts: readonly PersonCount[], options: BootstrapOptions): Bounds {
  const exact = clopperPearson(sumOf(counts, 'hits'), sumOf(counts, 'trials'), options.confidence);
  if (counts.length === 0) return exact;
  const resampled = bootstrap(counts, shareOf, options);
  return { lower: Math.min(exact.lower, resampled.lower), upper: Math.max(exact.upper, resampled.upper) };
}

/** Percentile bounds of a figure of people, who are drawn anew with replacement. */
export function bootstrap<T>(
  people: readonly T[],
  figureOf: (people: readonly T[]) => number,
  { seed, confidence = CONFIDENCE, resamples = RESAMPLES }: BootstrapOptions,
): Bounds {
  const random = createRandom(seed);
  const figures = Float64Array.from({ length: resamples }, () => figureOf(drawn(people, random))).sort();
  const at = (share: number) => figures[Math.min(resamples - 1, Math.max(0, Math.round(share * resamples) - 1))]!;
  return { lower: at(1 - confidence), upper: at(confidence) };
}

export const shareOf = (counts: readonly PersonCount[]): number => sumOf(counts, 'hits') / sumOf(counts, 'trials');

const sumOf = (counts: readonly PersonCount[], what: 'hits' | 'trials') =>
  counts.reduce((sum, count) => sum + count[what], 0);

const drawn = <T>(people: readonly T[], random: Random): T[] =>
  people.map(() => people[Math.floor(random() * people.length)]!);

/** The share at which at most `hits` have this chance. Halving 60 times is exact to the last bit that matters. */
function shareAt(hits: number, trials: number, chance: number): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (chanceOfAtMost(hits, trials, middle) > chance) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Of `trials` at the share p. A sum over logarithms, which no number of trials underflows. */
function chanceOfAtMost(hits: number, trials: number, p: number): number {
  const odds = Math.log(p) - Math.log1p(-p);
  let logTerm = trials * Math.log1p(-p);
  let sum = Math.exp(logTerm);
  for (let i = 0; i < hits; i++) {
    logTerm += Math.log((trials - i) / (i + 1)) + odds;
    sum += Math.exp(logTerm);
  }
  return sum;
}
