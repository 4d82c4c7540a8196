import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rank1, rocAuc, tarAtFar } from '../../../services/verification/metrics.ts';

const scores = (...values: number[]) => Float32Array.from(values);
const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-6, `${actual}`);

// Three people, four probes; the last probe's person is not enrolled.
const MATRIX = {
  people: 3,
  scores: scores(0.9, 0.1, 0.2, 0.5, 0.4, 0.3, 0.2, 0.1, 0.8, 0.6, 0.0, 0.1),
  truth: Int32Array.of(0, 1, 2, -1),
};

test('metrics: rank-1 counts enrolled probes whose own row is best', () => near(rank1(MATRIX), 2 / 3));

test('metrics: rank-1 of a model that answers always the same is 0, not 1', () => {
  assert.is(rank1({ people: 2, scores: scores(1, 1, 1, 1), truth: Int32Array.of(0, 1) }), 0);
});

test('metrics: rank-1 counts scores that are not numbers as wrong', () => {
  assert.is(rank1({ people: 2, scores: scores(NaN, NaN), truth: Int32Array.of(0) }), 0);
});

test('metrics: AUC by hand', () => {
  // Pairs: 0.8 beats all 3; 0.4 beats 0.1 and 0.3 and loses to 0.5 -> 5 of 6.
  near(rocAuc(scores(0.8, 0.4), scores(0.1, 0.5, 0.3)), 5 / 6);
});

test('metrics: AUC counts ties as one half', () => {
  near(rocAuc(scores(0.5, 0.5), scores(0.5, 0.5)), 0.5);
  near(rocAuc(scores(0.5, 0.9), scores(0.5, 0.1)), 3.5 / 4);
  near(rocAuc(scores(1, 1), scores(0, 0)), 1);
  near(rocAuc(scores(0), scores(1)), 0);
});

test('metrics: TAR at FAR by hand', () => {
  const impostor = scores(...Array.from({ length: 100 }, (_, i) => i / 100));
  // One of 100 impostors may pass: 0.98 must be refused, 0.99 may pass; the threshold is half-way between them.
  const { tar, threshold } = tarAtFar(scores(0.97, 0.98, 0.99, 1), impostor, 0.01);
  near(threshold, 0.985);
  near(tar, 0.5);
});

test('metrics: with few impostors none may pass', () => {
  const { tar, threshold } = tarAtFar(scores(0.5, 0.9), scores(0.1, 0.7), 0.01);
  near(threshold, 0.8);
  near(tar, 0.5);
});

test('metrics: impostors tied at the boundary are all refused', () => {
  const impostor = scores(...Array.from({ length: 100 }, () => 0.6));
  const { tar, threshold } = tarAtFar(scores(0.6, 0.7), impostor, 0.01);
  near(threshold, 0.65);
  near(tar, 0.5);
});

test('metrics: without any score above the impostors nothing is accepted', () => {
  const { tar, threshold } = tarAtFar(scores(0.2, 0.3), scores(0.4, 0.9), 0.01);
  assert.is(tar, 0);
  assert.ok(threshold > 0.9);
});

test.run();
