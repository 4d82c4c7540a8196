/**
 * The decision that a release carries, and how it applies to the people enrolled at a moment. The verifier makes the
 * table of thresholds from searches by strangers; a replica looks up the number of people that it has now. Pure.
 */
import type { Decision, DecisionInForce } from '../../contracts/decision.ts';
import { identifyThresholds, type IdentifyPromise, type StrangerSearches } from './thresholds.ts';

/**
 * A threshold that no score reaches, because a cosine is at most 1: for a release of which no stranger was ever searched.
 * There is nothing to set a threshold by then, and nobody is let in by accident. A file cannot carry an infinite one.
 */
export const NOBODY = 2;
/** Up to so many each number of people has a threshold of its own; then one more person matters less and less. */
const EACH_MAX = 100;
const STEP = 1.03;

/** The part of a decision that follows from searches: numbers of people and the threshold for each. */
export type DecisionTable = Pick<Decision['identify'], 'people' | 'thresholds'>;

/**
 * Thresholds that keep the promise for 1 to `peopleMax` people. A larger gallery is never laxer than a smaller one.
 * Without a search that met anybody: NOBODY, however many people there are. 20,000 searches take a fifth of a second.
 */
export function decisionTable(strangers: StrangerSearches, promise: IdentifyPromise, peopleMax: number): DecisionTable {
  if (strangers.searches.every(({ top }) => top.length === 0)) return { people: [1], thresholds: [NOBODY] };
  const thresholdFor = identifyThresholds(strangers, promise);
  const people = numbersUpTo(peopleMax);
  let strictest = -Infinity;
  return { people, thresholds: people.map((count) => (strictest = Math.max(strictest, thresholdFor(count)))) };
}

/** For so many people, who are counted by name, not by row. */
export function decisionFor({ identify, verify, warning }: Decision, people: number): DecisionInForce {
  const { fpir, margin, thresholds } = identify;
  const place = identify.people.findIndex((count) => count >= people);
  // The contract demands one threshold at least.
  const threshold = thresholds.at(place)!;
  return {
    identify: { threshold, margin, fpir },
    verify: { threshold: verify.threshold, far: verify.far },
    people,
    warning,
  };
}

/** Of a release that was made before 0.3.0: its one threshold, for both verbs and however many people there are. */
export const legacyDecision = (threshold: number): Decision => ({
  identify: { fpir: null, margin: 0, people: [1], thresholds: [threshold] },
  verify: { far: null, threshold },
  warning:
    'this release was made before thresholds were set by a promise about strangers; measured, such a threshold calls ' +
    'most strangers known; the next night replaces it',
});

function numbersUpTo(peopleMax: number): number[] {
  const numbers: number[] = [];
  for (let count = 1; count < peopleMax; count = count < EACH_MAX ? count + 1 : Math.ceil(count * STEP))
    numbers.push(count);
  return [...numbers, peopleMax];
}
