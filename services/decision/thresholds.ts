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
 * exact mean over all choices of so many people, and an upper bound where the scores that are not kept decide. In a
 * larger one it is an upper bound: it is made of several like the searched one, of which one has to know the face, and
 * the chance that none of m people is found, E[(1 - p)^m], is by Jensen's inequality at least E[(1 - p)^n]^(m / n) for
 * m > n.
 */
export function fpirAt({ searches, people: searched }: StrangerSearches, rule: IdentifyRule, people: number): number {
  const chosen = Math.min(people, searched);
  const chances = searches.map(({ top }) => chanceOfKnown(top, rule, chosen, searched));
  const share = chances.reduce((sum, chance) => sum + chance, 0) / searches.length;
  return shareAmong(share, people, searched);
}

/** The lowest threshold that keeps the promise among `people`. NaN without searches. */
export const identifyThreshold = (strangers: StrangerSearches, promise: IdentifyPromise, people: number): number =>
  identifyThresholds(strangers, promise)(people);

/** The same for many numbers of people: the scores are counted and put in order once. */
export function identifyThresholds(
  strangers: StrangerSearches,
  { fpir, margin }: IdentifyPromise,
): (people: number) => number {
  const { searches, people: searched } = strangers;
  const ways = waysOf(strangers, margin);
  const scores = ascending(searches.flatMap(({ top }) => top));
  const apart = searches.filter(({ top }) => isKnown(top, { threshold: -Infinity, margin }));
  const best = ascending(apart.map(({ top }) => top[0]!));
  return (people) => {
    const chances = ways.chancesAmong(Math.min(people, searched));
    const knownAt = (threshold: number) =>
      ways.scores.reduce((sum, of, kind) => sum + chances[kind]! * countFrom(of, threshold), 0);
    const counted = lowestThreshold(
      scores,
      (threshold) => shareAmong(knownAt(threshold) / searches.length, people, searched) <= fpir,
    );
    const allowed = (1 - (1 - fpir) ** (searched / people)) * searches.length;
    return beyondCounts(best, searches.length, allowed, counted);
  };
}

/** The same for verify, where a stranger is compared with one person: at most `far` of the comparisons are accepted. */
export function verifyThreshold(comparisons: Float32Array, far: number): number {
  const scores = ascending(comparisons);
  const counted = lowestThreshold(scores, (threshold) => farAt(scores, threshold) <= far);
  return beyondCounts(scores, scores.length, far * scores.length, counted);
}

/** `sorted`: scores of strangers with one person each, ascending. */
export const farAt = (sorted: Float64Array, threshold: number): number => countFrom(sorted, threshold) / sorted.length;

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
 * All ways in which a stranger may be answered `known`: of each kind the scores from which on it happens, ascending. Ways
 * of one kind have the same chance, whatever their scores are.
 */
interface Ways {
  readonly scores: readonly Float64Array[];
  chancesAmong(chosen: number): readonly number[];
}

function waysOf({ searches, people: all }: StrangerSearches, margin: number): Ways {
  const kept = searches.reduce((most, { top }) => Math.max(most, top.length), 0);
  const scores: number[][] = Array.from({ length: 2 * kept + 1 }, () => []);
  for (const { top } of searches) {
    top.forEach((score, place) => scores[absentFor(top, place, margin)]!.push(score));
    if (top.length > 0 && top.length < all) scores[kept + top.length]!.push(top.at(-1)!);
  }
  return {
    scores: scores.map(ascending),
    chancesAmong: (chosen) =>
      scores.map((_, kind) => (kind < kept ? chanceOfOne(kind, chosen, all) : chanceOfNone(kind - kept, chosen, all))),
  };
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
 * is drawn who scores higher or nearly as high. If the last score that was kept is enough, others may be as well: then a
 * choice of people of whom no score was kept counts as known.
 */
function chanceOfKnown(top: readonly number[], rule: IdentifyRule, chosen: number, all: number): number {
  let chance = 0;
  for (let best = 0; best < top.length && top[best]! >= rule.threshold; best++)
    chance += chanceOfOne(absentFor(top, best, rule.margin), chosen, all);
  const mayBeMore = top.length > 0 && top.length < all && top.at(-1)! >= rule.threshold;
  return mayBeMore ? chance + chanceOfNone(top.length, chosen, all) : chance;
}

/** So many others must be absent for the person at a place of the top to be known: all higher and nearly equal ones. */
function absentFor(top: readonly number[], place: number, margin: number): number {
  let absent = place;
  while (absent + 1 < top.length && !isApart(top[place]!, top[absent + 1]!, { margin })) absent += 1;
  return absent;
}

/** That a person is among `chosen` of `all`, and none of so many others is. */
const chanceOfOne = (absent: number, chosen: number, all: number) =>
  (chosen / all) * chanceOfNone(absent, chosen - 1, all - 1);

/** That none of `these` is among `chosen` of `all`. */
function chanceOfNone(these: number, chosen: number, all: number): number {
  let chance = 1;
  for (let i = 0; i < these; i++) chance *= Math.max(0, all - chosen - i) / (all - i);
  return chance;
}

/** A share of the searched gallery's in one of `people`, if that is larger. */
const shareAmong = (share: number, people: number, searched: number) =>
  people <= searched ? share : 1 - (1 - share) ** (people / searched);

const isApart = (best: number, second: number, { margin }: Pick<IdentifyRule, 'margin'>) => best - second >= margin;
const ascending = (scores: ArrayLike<number>) => Float64Array.from(scores).sort();

/** Of ascending scores, those that reach the threshold. */
const countFrom = (sorted: Float64Array, threshold: number) =>
  sorted.length - firstIndex(sorted.length, (index) => sorted[index]! >= threshold);

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
