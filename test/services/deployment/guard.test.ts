import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DeploymentConfigSchema } from '../../../contracts/configuration/deployment.ts';
import type { ReleaseFigures } from '../../../contracts/replica.ts';
import { breachOf, figuresOf, type Watched } from '../../../services/deployment/guard.ts';

const CONFIG = DeploymentConfigSchema.parse({ guardRequestsMin: 20, guardScoresMin: 50 });

interface Figures {
  readonly requests?: number;
  readonly failed?: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly mean?: number;
  readonly deviation?: number;
}
const releaseFigures = ({
  requests = 100,
  failed = 0,
  p50 = 2,
  p99 = 5,
  mean = 0.2,
  deviation = 0.1,
}: Figures): ReleaseFigures => ({
  ...{ requests, failed },
  latencyMs: requests === 0 ? null : { p50, p95: p99, p99, max: p99 },
  scores: requests === 0 ? null : { count: requests, mean, deviation },
});
const replica = (now: Figures, before: Figures | null = {}, replicaId = 'a'): Watched => ({
  replicaId,
  figures: releaseFigures(now),
  baseline: before && releaseFigures(before),
});

/** Null: no breach. */
const TABLE: readonly [string, readonly Watched[], RegExp | null][] = [
  ['as before', [replica({})], null],
  ['nothing was asked', [replica({ requests: 0 })], null],
  ['too few requests tell nothing', [replica({ requests: 19, failed: 19 })], null],
  ['errors exactly at the limit', [replica({ failed: 1 })], null],
  [
    'errors over all replicas',
    [replica({ failed: 4 }), replica({}, {}, 'b')],
    /^release 2 failed 4 of 200 requests \(2\.00 %\)/,
  ],
  [
    'a slow tail on one replica',
    [replica({}), replica({ p99: 501 }, {}, 'b')],
    /^release 2 on replica b takes 501\.0 ms/,
  ],
  ['slower than before, but fast', [replica({ p50: 39 }, { p50: 1 })], null],
  [
    'many times slower than before',
    [replica({ p50: 81 }, { p50: 20 })],
    /takes 81\.0 ms at the median, 20\.0 ms before: 4\.0 times as long; at most 4 times/,
  ],
  ['slow, and as slow as before', [replica({ p50: 200, p99: 400 }, { p50: 200 })], null],
  ['slow, with nothing to compare with', [replica({ p50: 200 }, null)], null],
  ['the median counts by requests', [replica({ p50: 200, requests: 25 }), replica({ requests: 975 }, {}, 'b')], null],
  ['scores shifted within the limit', [replica({ mean: 0.59 })], null],
  [
    'scores fell',
    [replica({ mean: -0.3 })],
    /scores -0\.300 over the threshold on average, 0\.200 before: a shift of -5\.0 standard deviations; at most 4/,
  ],
  ['scores rose: all faces are alike', [replica({ mean: 0.7 })], /a shift of 5\.0 standard deviations/],
  ['too few scores tell nothing', [replica({ mean: -0.9, requests: 49 })], null],
  ['too few scores before tell nothing', [replica({ mean: -0.9 }, { requests: 49 })], null],
  ['scores that never varied are compared by a coarse unit', [replica({ mean: 0.3 }, { deviation: 0 })], null],
];

for (const [name, watched, expected] of TABLE) {
  test(`guard: ${name} -> ${expected ? 'breach' : 'kept'}`, () => {
    const breach = breachOf('release 2', watched, CONFIG);
    if (expected) assert.match(breach ?? 'no breach', expected);
    else assert.is(breach, null);
  });
}

test('guard: figures of several replicas are those of all their replies', () => {
  const figures = figuresOf([
    replica({ requests: 100, mean: 0.1, deviation: 0, p50: 2 }, { mean: 0.1, deviation: 0.1 }),
    replica({ requests: 300, mean: 0.3, deviation: 0, p50: 4 }, null, 'b'),
  ]);
  assert.equal([figures.requests, figures.failed, figures.medianMs, figures.baselineMedianMs], [400, 0, 3.5, 2]);
  assert.ok(Math.abs(figures.scores!.mean - 0.25) < 1e-12);
  assert.ok(Math.abs(figures.scores!.deviation - Math.sqrt(0.25 * 0.15 ** 2 + 0.75 * 0.05 ** 2)) < 1e-12);
  assert.ok(Math.abs(figures.scoreShift! - 1.5) < 1e-9);
});

test.run();
