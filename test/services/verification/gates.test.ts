import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VerificationConfigSchema } from '../../../contracts/configuration/verification.ts';
import type { Accuracy, Performance } from '../../../contracts/verification.ts';
import { judge, reasonsOf } from '../../../services/verification/gates.ts';

const LIMITS = VerificationConfigSchema.parse({}).gates;
const accuracy = (figures: Partial<Accuracy> = {}): Accuracy => ({
  rank1: 0.96,
  rocAuc: 0.99,
  tarAtFar1e2: 0.9,
  threshold: 0.5,
  probes: 100,
  galleryPeople: 40,
  ...figures,
});
const performance = (p99 = 10, imagesPerSecond = 500): Performance => ({
  latencyMs: { p50: 1, p95: 5, p99, max: p99 },
  imagesPerSecond,
  requests: 200,
});
const failed = (figures: Parameters<typeof judge>[0]) => {
  const { gates, verdict } = judge(figures, LIMITS);
  const names = gates.filter(({ passed }) => !passed).map(({ name }) => name);
  assert.is(verdict, names.length === 0 ? 'passed' : 'rejected');
  assert.is(reasonsOf(gates).length, names.length);
  return names;
};

test('gates: the first model is judged without a champion', () => {
  const { gates, verdict } = judge({ accuracy: accuracy(), performance: performance(), champion: null }, LIMITS);
  assert.is(verdict, 'passed');
  assert.equal(
    gates.map(({ name }) => name),
    ['rank-1', 'roc-auc', 'latency-p99', 'throughput'],
  );
});

test('gates: each limit rejects alone, and exactly at the limit it passes', () => {
  const base = { accuracy: accuracy(), performance: performance(), champion: null };
  assert.equal(failed({ ...base, accuracy: accuracy({ rank1: 0.79 }) }), ['rank-1']);
  assert.equal(failed({ ...base, accuracy: accuracy({ rank1: LIMITS.rank1Min }) }), []);
  assert.equal(failed({ ...base, accuracy: accuracy({ rocAuc: 0.89 }) }), ['roc-auc']);
  assert.equal(failed({ ...base, performance: performance(51) }), ['latency-p99']);
  assert.equal(failed({ ...base, performance: performance(LIMITS.latencyP99MsMax) }), []);
  assert.equal(failed({ ...base, performance: performance(10, 49) }), ['throughput']);
});

test('gates: a candidate may fall behind the champion by the allowed drop and no more', () => {
  const base = { accuracy: accuracy({ rank1: 0.96 }), performance: performance() };
  assert.equal(failed({ ...base, champion: accuracy({ rank1: 0.98 }) }), []);
  assert.equal(failed({ ...base, champion: accuracy({ rank1: 0.99 }) }), ['rank-1-drop']);
  assert.equal(failed({ ...base, champion: accuracy({ rank1: 0.5 }) }), []);
});

test('gates: figures that are not numbers are rejected', () => {
  assert.equal(failed({ accuracy: accuracy({ rank1: NaN }), performance: performance(NaN), champion: null }), [
    'rank-1',
    'latency-p99',
  ]);
});

test('gates: a reason says what was measured and what was required', () => {
  const { gates } = judge({ accuracy: accuracy({ rank1: 0.5 }), performance: performance(), champion: null }, LIMITS);
  assert.equal(reasonsOf(gates), ['rank-1 is 50.0 %; at least 80.0 % is required']);
});

test.run();
