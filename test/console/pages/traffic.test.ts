import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { trafficOf, withSample, type Sample } from '../../../console/pages/traffic.ts';
import type { ReplicaStatus } from '../../../contracts/replica.ts';

const replica = (replicaId: string, release: number, requests: number, failed = 0, unknown = 0): ReplicaStatus => ({
  ...{
    replicaId,
    model: 'face',
    startedAt: '',
    release,
    modelDigest: null,
    decision: null,
    resident: [],
    prepared: null,
  },
  figures: {
    ...{ requests, failed, scores: null, latencyMs: { p50: 2, p95: 3, p99: 4, max: 5 } },
    decisions: { known: 0, unknown, matched: 0, wrongClaims: 0 },
  },
  ...{ former: null, canary: null, draining: false, outOfService: null, alarm: null, swapUs: null },
});

const over = (...looks: readonly (readonly ReplicaStatus[])[]) =>
  looks.reduce<readonly Sample[]>((kept, replicas, at) => withSample(kept, replicas, at * 10_000), []);

test('console: requests per second are those of all replicas, and a swap counts from nothing', () => {
  const traffic = trafficOf(
    over(
      [replica('a', 1, 100), replica('b', 1, 50)],
      [replica('a', 1, 150, 5, 10), replica('b', 1, 100)],
      [replica('a', 2, 20), replica('b', 2, 0), replica('c', 2, 999)],
    ),
  );
  assert.equal(traffic.perSecond, [10, 2]);
  assert.equal(traffic.swaps, [20]);
  assert.equal([traffic.failedShare, traffic.unknownShare, traffic.isQuiet], [5 / 120, 10 / 120, false]);
  assert.equal(
    [traffic.p50, traffic.p99],
    [
      [2, 2],
      [4, 4],
    ],
  );
});

test('console: looks that follow at once are one, and old ones are let go', () => {
  const quiet = [replica('a', 1, 0)];
  const one = withSample([], quiet, 0);
  assert.is(withSample(one, quiet, 1_000), one);
  let many: readonly Sample[] = [];
  for (let at = 0; at < 500; at++) many = withSample(many, quiet, at * 3_000);
  assert.is(many.length, 300);
  const { isQuiet, failedShare } = trafficOf(many);
  assert.equal([isQuiet, failedShare], [true, null]);
});

test.run();
