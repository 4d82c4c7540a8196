/** Thresholds on a few scores that can be counted by hand, with ties, and beside what scikit-learn makes of them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  farAt,
  fpirAt,
  identifyThreshold,
  isKnown,
  TOP_SCORES,
  topScores,
  verifyThreshold,
  type StrangerSearches,
} from '../../../services/decision/thresholds.ts';
import { createRandom } from '../../../services/training/random.ts';

const near = (actual: number, expected: number, tolerance = 1e-9) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

/** Ten searches in a gallery of four people; each row is the scores of one, best first. */
const TEN: StrangerSearches = {
  people: 4,
  searches: [
    [0.9, 0.5, 0.1, 0.0],
    [0.8, 0.8, 0.2, 0.1],
    [0.8, 0.4, 0.2, 0.1],
    [0.7, 0.6, 0.6, 0.1],
    [0.6, 0.3, 0.2, 0.1],
    [0.6, 0.2, 0.2, 0.1],
    [0.6, 0.1, 0.1, 0.1],
    [0.5, 0.4, 0.3, 0.2],
    [0.3, 0.2, 0.1, 0.0],
    [0.2, 0.2, 0.2, 0.2],
  ].map((top, index) => ({ person: `x${index}`, top })),
};

test('thresholds: of the searched gallery it lies between the last score accepted and the next', () => {
  // One of ten may be accepted: only .9 may.
  near(identifyThreshold(TEN, { fpir: 0.1, margin: 0 }, 4), 0.85);
  // Two would have to be one of the two at .8: none of them.
  near(identifyThreshold(TEN, { fpir: 0.2, margin: 0 }, 4), 0.85);
  near(identifyThreshold(TEN, { fpir: 0.3, margin: 0 }, 4), 0.75);
  // Three at .6 go together.
  near(identifyThreshold(TEN, { fpir: 0.6, margin: 0 }, 4), 0.65);
  near(identifyThreshold(TEN, { fpir: 0.7, margin: 0 }, 4), 0.55);
});

test('thresholds: all may be accepted', () => {
  assert.ok(identifyThreshold(TEN, { fpir: 1, margin: 0 }, 4) <= 0);
});

test('thresholds: a promise that the data cannot count follows the tail beyond the highest score', () => {
  // Half a search of ten: the five best exceed .6 by .16 on average, and are ten times as many.
  near(identifyThreshold(TEN, { fpir: 0.05, margin: 0 }, 4), 0.6 + 0.16 * Math.log(10));
  near(verifyThreshold(Float32Array.of(0.5, 0.25, 0.25, 0, 0.75, 0), 0.01), 0.35 * Math.log(5 / 0.06), 1e-6);
  const few: StrangerSearches = { people: 4, searches: [{ person: 'x', top: [0.5, 0.1, 0.1, 0] }] };
  const alone = identifyThreshold(few, { fpir: 0.1, margin: 0 }, 4);
  assert.ok(alone > 0.5 && alone < 0.51, 'a single search has no tail');
});

test('thresholds: with a margin a search that resembles two is not known', () => {
  const rule = { threshold: 0.6, margin: 0.15 };
  assert.ok(isKnown([0.75, 0.5], rule) && isKnown([0.6], rule));
  assert.not.ok(isKnown([0.75, 0.625], rule) || isKnown([0.5, 0], rule) || isKnown([], rule));
  // Of the seven from .6 on, [.8 .8] and [.7 .6] are not apart.
  near(fpirAt(TEN, rule, 4), 0.5);
  // .9 and [.8 .4] are two of ten; [.7 .6] is not known at any threshold, and the three at .6 would be too many.
  near(identifyThreshold(TEN, { fpir: 0.2, margin: 0.15 }, 4), 0.65);
});

test('thresholds: with a margin too, a smaller gallery is the mean over all choices', () => {
  const rule = { threshold: 0.45, margin: 0.15 };
  for (const people of [1, 2, 3, 4]) {
    const choices = subsets([0, 1, 2, 3], people);
    const known = TEN.searches.flatMap(({ top }) =>
      choices.map((rows) =>
        isKnown(
          rows.map((row) => top[row]!),
          rule,
        ),
      ),
    );
    near(fpirAt(TEN, rule, people), known.filter(Boolean).length / known.length);
  }
});

test('thresholds: shares of accepted searches as scikit-learn counts them', () => {
  // scikit-learn 1.9.1: det_curve([0] * 10 + [1] * 5, [.9, .8, .8, .7, .6, .6, .6, .5, .3, .2, .95, .8, .75, .6, .55])
  const curve = [
    [0.55, 0.7],
    [0.6, 0.7],
    [0.7, 0.4],
    [0.75, 0.3],
    [0.8, 0.3],
    [0.9, 0.1],
    [0.95, 0],
  ] as const;
  const best = Float64Array.from(TEN.searches, ({ top }) => top[0]!).sort();
  for (const [threshold, accepted] of curve) {
    near(fpirAt(TEN, { threshold: threshold, margin: 0 }, 4), accepted);
    near(farAt(best, threshold), accepted);
  }
});

test('thresholds: in a smaller gallery the share is the mean over all choices of people', () => {
  // At .6, two people of four: a search with one, two or three scores from there finds one with 1/2, 5/6, 1.
  // One score: .9, .8, .6, .6, .6; two: .8 .8; three: .7 .6 .6.
  near(fpirAt(TEN, { threshold: 0.6, margin: 0 }, 2), (5 * (1 / 2) + 5 / 6 + 1) / 10);
  near(fpirAt(TEN, { threshold: 0.6, margin: 0 }, 1), (5 * (1 / 4) + 2 / 4 + 3 / 4) / 10);
  assert.is(fpirAt(TEN, { threshold: 0.6, margin: 0 }, 0), 0);
});

test('thresholds: a gallery of twice the people lets in at most as many as two independent ones', () => {
  near(fpirAt(TEN, { threshold: 0.75, margin: 0 }, 8), 1 - (1 - 0.3) ** 2);
  // 30 % for eight people are 16.3 % for four: one of ten.
  near(identifyThreshold(TEN, { fpir: 0.3, margin: 0 }, 8), 0.85);
});

test('thresholds: each person who enrols raises the threshold or leaves it, in steps that keep the promise', () => {
  const random = createRandom(7);
  const searches = Array.from({ length: 200 }, (_, i) => ({
    person: `x${i}`,
    top: topScores(Float32Array.from({ length: 40 }, () => random() ** 2)),
  }));
  const strangers = { people: 40, searches };
  let last = -Infinity;
  for (let people = 10; people <= 80; people++) {
    const threshold = identifyThreshold(strangers, { fpir: 0.05, margin: 0 }, people);
    assert.ok(threshold >= last);
    assert.ok(fpirAt(strangers, { threshold, margin: 0 }, people) <= 0.05);
    last = threshold;
  }
});

test('thresholds: what is stored of a search are its best scores', () => {
  const scores = Float32Array.from({ length: 40 }, (_, i) => ((i * 7) % 40) / 64);
  assert.equal(
    topScores(scores),
    Array.from({ length: TOP_SCORES }, (_, i) => (39 - i) / 64),
  );
  assert.equal(topScores(Float32Array.of(0.25, 0.5)), [0.5, 0.25]);
});

test('thresholds: of verify by the share of comparisons, ties together', () => {
  const comparisons = Float32Array.of(0.5, 0.75, 0.25, 0.75, 0.125, 0, 0, 0, 0, 0);
  near(verifyThreshold(comparisons, 0.2), 0.625);
  assert.ok(verifyThreshold(comparisons, 0.1) > 0.75);
  near(verifyThreshold(comparisons, 0.3), 0.375);
});

test('thresholds: without strangers there is none', () => {
  assert.ok(Number.isNaN(identifyThreshold({ people: 3, searches: [] }, { fpir: 0.1, margin: 0 }, 3)));
});

function subsets(of: readonly number[], size: number): number[][] {
  if (size === 0) return [[]];
  return of.flatMap((first, index) => subsets(of.slice(index + 1), size - 1).map((rest) => [first, ...rest]));
}

test.run();
