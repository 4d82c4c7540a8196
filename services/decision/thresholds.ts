/**
 * The two thresholds of a release, from what strangers score. Identify makes one comparison per enrolled person, so its
 * threshold depends on their number: `identifyThreshold` gives it for any number from the same few scores, which is
 * what a release stores. Pure; docs/decision.md explains it to people.
 */

/** One image of somebody whom the searched gallery does not have. */
export interface StrangerSearch {
  /** Images of one person are not independent: bounds are taken over people. */
  readonly person: string;
  /** Best scores over the people of the gallery, one for each person, best first; at most TOP_SCORES. */
  readonly top: readonly number[];
}

export interface StrangerSearches {
  /** People in the gallery that was searched. */
  readonly people: number;
  readonly searches: readonly StrangerSearch[];
}

/** When a search is answered `known`. */
export interface IdentifyRule {
  /** From this score on (`>=`). */
  readonly threshold: number;
  /** And only if the second best person scores lower by so much: who resembles two is taken for neither. */
  readonly margin: number;
}

/** What an operator promises: at most this share of strangers' searches is answered `known`. */
export interface IdentifyPromise {
  readonly fpir: number;
  readonly margin: number;
}

/** Takes a third of the wrong names away and refuses no more people at the same promise: docs/decision.md. */
export const MARGIN = 0.05;
/** Kept of a search. One of the best sixteen is in a gallery of a quarter of the people in 99 of 100 cases. */
export const TOP_SCORES = 16;
/** The square root of the scores, and five at least, say how the tail falls: a tenth of them is no tail of many. */
const TAIL_MIN = 5;
/** Larger than what rounding does to a cosine of float32 vectors, smaller than any difference that matters. */
const SCORE_STEP = 1e-6;

/** The best scores of one search, for `StrangerSearch.top`. */
export const topScores = (scores: Float32Array): number[] => [...scores.slice().sort().reverse().slice(0, TOP_SCORES)];

/** Scores of the two best people; one person alone has nobody beside. */
export const isKnown = ([best = -Infinity, second = -Infinity]: readonly number[], rule: IdentifyRule): boolean =>
  best >= rule.threshold && isApart(best, second, rule);

/**
 * Share of the searches that are answered `known` among `people`. In a smaller gallery than the searched one it is the
 * exact mean over all choices of so many people. In a larger one it is an upper bound: it is made of several like the
 * searched one, of which one has to know the face, and the chance that none of m people is found, E[(1 - p)^m], is by
 * Jensen's inequality at least E[(1 - p)^n]^(m / n) for m > n.
 */
export function fpirAt({ searches, people: searched }: StrangerSearches, rule: IdentifyRule, people: number): number {
  const chosen = Math.min(people, searched);
  const chances = searches.map(({ top }) => chanceOfKnown(top, rule, chosen, searched));
  const share = chances.reduce((sum, chance) => sum + chance, 0) / searches.length;
  return people <= searched ? share : 1 - (1 - share) ** (people / searched);
}

/** The lowest threshold that keeps the promise among `people`. NaN without searches. */
export function identifyThreshold(
  strangers: StrangerSearches,
  { fpir, margin }: IdentifyPromise,
  people: number,
): number {
  const { searches } = strangers;
  const scores = ascending(searches.flatMap(({ top }) => top));
  const counted = lowestThreshold(scores, (threshold) => fpirAt(strangers, { threshold, margin }, people) <= fpir);
  const best = searches.filter(({ top }) => isKnown(top, { threshold: -Infinity, margin })).map(({ top }) => top[0]!);
  const allowed = (1 - (1 - fpir) ** (strangers.people / people)) * searches.length;
  return beyondCounts(ascending(best), searches.length, allowed, counted);
}

/** The same for verify, where a stranger is compared with one person: at most `far` of the comparisons are accepted. */
export function verifyThreshold(comparisons: Float32Array, far: number): number {
  const scores = ascending(comparisons);
  const counted = lowestThreshold(scores, (threshold) => farAt(scores, threshold) <= far);
  return beyondCounts(scores, scores.length, far * scores.length, counted);
}

/** `sorted`: scores of strangers with one person each, ascending. */
export const farAt = (sorted: Float64Array, threshold: number): number =>
  (sorted.length - firstIndex(sorted.length, (index) => sorted[index]! >= threshold)) / sorted.length;

/**
 * `holds` is monotonic: once a threshold is high enough all higher ones are. The answer lies half-way between the highest
 * score that must be refused and the next one, so that rounding cannot tip it.
 */
function lowestThreshold(sorted: Float64Array, holds: (threshold: number) => boolean): number {
  const accepted = firstIndex(sorted.length, (index) => holds(sorted[index]!));
  const next = sorted[accepted];
  if (next === undefined) return sorted[sorted.length - 1]! + SCORE_STEP;
  const refused = sorted[firstIndex(sorted.length, (index) => sorted[index]! >= next) - 1];
  return refused === undefined ? next - SCORE_STEP : (refused + next) / 2;
}

/**
 * If so few of `all` may be accepted that there is none to count, the highest score says little: the next of 20 searches
 * exceeds it in one of 21 cases. The threshold then follows the tail, which falls about exponentially: a share falls by e
 * for each `mean` of what the highest scores exceed the score `from` by. `sorted`: those that could be accepted.
 */
function beyondCounts(sorted: Float64Array, all: number, allowed: number, counted: number): number {
  const count = Math.min(sorted.length - 1, Math.max(TAIL_MIN, Math.floor(Math.sqrt(all))));
  // A share of a count is a whole number but for rounding.
  if (allowed > 1 - 1e-9 || count < 1) return counted;
  const tail = sorted.subarray(sorted.length - count);
  const from = sorted[sorted.length - count - 1]!;
  const mean = tail.reduce((sum, score) => sum + score - from, 0) / count;
  return Math.max(counted, from + mean * Math.log(count / allowed));
}

/**
 * That a search is known among `chosen` of `all` people, drawn without replacement: one of them scores enough, and nobody
 * is drawn who scores higher or nearly as high.
 */
function chanceOfKnown(top: readonly number[], rule: IdentifyRule, chosen: number, all: number): number {
  let chance = 0;
  for (let best = 0; best < top.length && top[best]! >= rule.threshold; best++) {
    let absent = best;
    while (absent + 1 < top.length && !isApart(top[best]!, top[absent + 1]!, rule)) absent += 1;
    chance += (chosen / all) * chanceOfNone(absent, chosen - 1, all - 1);
  }
  return chance;
}

/** That none of `these` is among `chosen` of `all`. */
function chanceOfNone(these: number, chosen: number, all: number): number {
  let chance = 1;
  for (let i = 0; i < these; i++) chance *= Math.max(0, all - chosen - i) / (all - i);
  return chance;
}

const isApart = (best: number, second: number, { margin }: Pick<IdentifyRule, 'margin'>) => best - second >= margin;
const ascending = (scores: ArrayLike<number>) => Float64Array.from(scores).sort();

/** Binary search for the first index that fulfils a monotonic condition; the length if none does. */
function firstIndex(length: number, holds: (index: number) => boolean): number {
  let [from, to] = [0, length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}
