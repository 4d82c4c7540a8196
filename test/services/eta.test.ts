/** How long work will still take, from its latest pace. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { etaMsOf, formatEta, withSample, type FractionAt } from '../../services/eta.ts';

const observe = (points: readonly (readonly [atMs: number, fraction: number])[]): readonly FractionAt[] =>
  points.reduce<readonly FractionAt[]>((samples, [atMs, fraction]) => withSample(samples, { atMs, fraction }), []);

test('eta: at a steady pace it is the rest at that pace', () => {
  assert.is(
    etaMsOf(
      observe([
        [0, 0],
        [5_000, 0.25],
        [10_000, 0.5],
      ]),
    ),
    10_000,
  );
});

test('eta: unknown at first, and while nothing moves', () => {
  assert.is(etaMsOf([]), null);
  assert.is(etaMsOf(observe([[0, 0]])), null);
  assert.is(
    etaMsOf(
      observe([
        [0, 0],
        [500, 0.1],
      ]),
    ),
    null,
  );
  assert.is(
    etaMsOf(
      observe([
        [0, 0.3],
        [9_000, 0.3],
      ]),
    ),
    null,
  );
});

test('eta: follows the pace of the last half minute, not that of the beginning', () => {
  const slow = Array.from({ length: 61 }, (_, second) => [1000 * second, 0.001 * second] as const);
  const quick = Array.from(
    { length: 60 },
    (_, second) => [61_000 + 1000 * second, 0.06 + 0.01 * (second + 1)] as const,
  );
  const eta = etaMsOf(observe([...slow, ...quick]))!;
  assert.ok(Math.abs(eta - 34_000) < 500, `${eta} ms`);
});

test('eta: reports further apart than the window still count in pairs', () => {
  assert.is(
    etaMsOf(
      observe([
        [0, 0],
        [100_000, 0.1],
        [300_000, 0.2],
      ]),
    ),
    1_600_000,
  );
});

test('eta: work that begins anew forgets its earlier pace', () => {
  assert.is(
    etaMsOf(
      observe([
        [0, 0],
        [2_000, 0.8],
        [3_000, 0],
        [13_000, 0.1],
      ]),
    ),
    90_000,
  );
});

test('eta: many reports a second keep few samples', () => {
  const many = observe(Array.from({ length: 10_000 }, (_, index) => [10 * index, index / 20_000] as const));
  assert.ok(many.length < 70, `${many.length} samples`);
  assert.ok(Math.abs(etaMsOf(many)! - 100_000) < 100);
});

test('eta: reads as a clock does', () => {
  assert.equal([0, 9_400, 80_000, 3_723_000].map(formatEta), ['0:00', '0:09', '1:20', '1:02:03']);
});

test.run();
