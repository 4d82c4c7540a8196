/** Exact values were computed with SciPy: `beta.ppf(.95, k + 1, n - k)`, `beta.ppf(.05, k, n - k + 1)`. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  bestUpperBound,
  bootstrap,
  boundsOverPeople,
  clopperPearson,
  shareOf,
} from '../../../services/decision/bounds.ts';

const near = (actual: number, expected: number, tolerance = 1e-9) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

test('bounds: Clopper and Pearson as SciPy has them, from none of few to many of millions', () => {
  const table = [
    [0, 60, 0, 0.04870291331009749],
    [3, 60, 0.013765157568283046, 0.12418721047743608],
    [12, 249, 0.028039945856434535, 0.07691433863987034],
    [1, 10, 0.005116196891823705, 0.39416330243650466],
    [59, 60, 0.9233600050654955, 0.9991454770730508],
    [60, 60, 0.9512970866899025, 1],
    [500, 1000, 0.47351773123569124, 0.5264822687643087],
    [2000, 2_000_000, 0.0009635237426204372, 0.0010375517994852877],
  ] as const;
  for (const [hits, trials, lower, upper] of table) {
    const bounds = clopperPearson(hits, trials);
    near(bounds.lower, lower);
    near(bounds.upper, upper);
  }
});

test('bounds: no trial shows nothing, and no hit shows about three over the trials', () => {
  assert.equal(clopperPearson(0, 0), { lower: 0, upper: 1 });
  near(bestUpperBound(300), 0.009936081944457708);
});

test('bounds: hits that one person has are less sure than the same hits of many', () => {
  const alone = Array.from({ length: 20 }, (_, i) => ({ person: `p${i}`, hits: i === 0 ? 10 : 0, trials: 10 }));
  const spread = Array.from({ length: 20 }, (_, i) => ({ person: `p${i}`, hits: i % 2, trials: 10 }));
  const [one, many] = [alone, spread].map((counts) => boundsOverPeople(counts, { seed: 1 }));
  assert.is(shareOf(alone), shareOf(spread));
  // Of 20 draws three or more are that person with a chance of 7.5 %: 30 of 200 and more.
  near(one!.upper, 0.15);
  assert.equal(many, clopperPearson(10, 200), 'as sure as single trials');
});

test('bounds: where nobody was hit, the exact bound stands and not the zero of the bootstrap', () => {
  const counts = Array.from({ length: 5 }, (_, i) => ({ person: `p${i}`, hits: 0, trials: 12 }));
  near(boundsOverPeople(counts, { seed: 1 }).upper, 0.04870291331009749);
});

test('bounds: the same seed gives the same bounds, another one others', () => {
  const values = Array.from({ length: 50 }, (_, i) => Math.sin(i));
  const mean = (drawn: readonly number[]) => drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
  const bounds = (seed: number) => bootstrap(values, mean, { seed });
  assert.equal(bounds(1), bounds(1));
  assert.not.equal(bounds(1), bounds(2));
});

test('bounds: the bootstrap of a mean lies where the normal distribution has it', () => {
  const values = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 1 : 0));
  const mean = (drawn: readonly number[]) => drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
  const { lower, upper } = bootstrap(values, mean, { seed: 3 });
  // 1.645 * sqrt(.25 / 400) = .0411
  near(lower, 0.5 - 0.0411, 0.005);
  near(upper, 0.5 + 0.0411, 0.005);
});

test.run();
