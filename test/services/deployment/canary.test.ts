import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCanary, isChosen } from '../../../services/deployment/canary.ts';
import { startCanary } from '../../../services/deployment/records.ts';
import type { Deployment } from '../../../contracts/release.ts';
import type { ReplicaStatus } from '../../../contracts/replica.ts';
import { deploymentOf, releaseOf, pairOf } from '../../support/deployments.ts';
import { ANNOUNCED, CONFIG, conforms, prepared, saidBy } from './deployment-strategy.conformance.ts';

conforms(createCanary());

const WITH_CANARY = startCanary(ANNOUNCED, 'r2', { share: 0.1, keyHeader: 'Key' });

/** A replica on which the candidate failed so many of 100 requests, and whose scores lie so far above the threshold. */
const canarying = (replicaId: string, failed = 0, mean = 0.2, runId = 'r2'): ReplicaStatus => {
  const figuresOf = (requests: number, lost: number, of: number) => ({
    ...{ requests, failed: lost, latencyMs: { p50: 1, p95: 2, p99: 3, max: 4 } },
    scores: { count: requests, mean: of, deviation: 0.1 },
  });
  return {
    ...prepared(replicaId),
    figures: figuresOf(900, 0, 0.2),
    canary: { runId, figures: figuresOf(100, failed, mean) },
  };
};

const decide = (deployment: Deployment, replicas: readonly ReplicaStatus[], windowOver = false) =>
  createCanary().decide({ runId: 'r2', phase: 'canary', deployment, replicas, windowOver }, CONFIG);

const TABLE = [
  [
    'the canary is not visible yet',
    decide(ANNOUNCED, [prepared('a'), prepared('b')], true),
    'wait',
    /canary of run r2/,
  ],
  ['within the window', decide(WITH_CANARY, [canarying('a'), canarying('b')]), 'wait', /canary of run r2 to end/],
  ['a clean window', decide(WITH_CANARY, [canarying('a'), canarying('b')], true), 'commit', /^$/],
  ['nobody asked', decide(WITH_CANARY, [prepared('a'), prepared('b')], true), 'commit', /^$/],
  [
    'it fails more',
    decide(WITH_CANARY, [canarying('a'), canarying('b', 10)]),
    'abort',
    /GUARD_BREACHED the canary of run r2 failed 10 of 200 requests \(5\.00 %\)/,
  ],
  [
    'it scores differently',
    decide(WITH_CANARY, [canarying('a', 0, 0.7), canarying('b', 0, 0.7)]),
    'abort',
    /GUARD_BREACHED the canary of run r2 scores 0\.700 .* 0\.200 before: a shift of 5\.0 standard deviations/,
  ],
  [
    'figures of another candidate say nothing',
    decide(WITH_CANARY, [canarying('a', 90, 0.2, 'r1'), canarying('b')], true),
    'commit',
    /^$/,
  ],
  [
    'a replica that came meanwhile still loads',
    decide(WITH_CANARY, [canarying('a'), canarying('b'), empty('c')], true),
    'wait',
    /replicas c to prepare/,
  ],
  ['a replica refuses', decide(WITH_CANARY, [canarying('a'), prepared('b', 'HOST_FAILED: x')]), 'abort', /HOST_FAILED/],
  [
    'another run has announced',
    decide({ ...WITH_CANARY, announced: pairOf('r3') }, [canarying('a')]),
    'abort',
    /DEPLOYMENT_CONFLICT/,
  ],
  ['it was committed already', decide(deploymentOf({ current: releaseOf('r2', 2) }), [canarying('a')]), 'commit', /^$/],
] as const;

function empty(replicaId: string): ReplicaStatus {
  return { ...prepared(replicaId), prepared: null, release: null };
}

for (const [name, verdict, action, says] of TABLE) {
  test(`canary: ${name} -> ${action}`, () => {
    assert.is(verdict.action, action, JSON.stringify(verdict));
    assert.match(saidBy(verdict), says);
  });
}

test('canary: a clean window commits with its figures', () => {
  const verdict = decide(WITH_CANARY, [canarying('a', 0, 0.3), canarying('b', 1, 0.1)], true);
  assert.ok(verdict.action === 'commit' && verdict.figures);
  const { requests, failed, scores, scoreShift } = verdict.figures;
  assert.equal([requests, failed, scores?.count], [200, 1, 200]);
  assert.ok(Math.abs(scores!.mean - 0.2) < 1e-9 && Math.abs(scoreShift!) < 1e-9);
  assert.ok(Math.abs(scores!.deviation - Math.sqrt(0.02)) < 1e-9, 'the spread between replicas counts');
});

test('canary: a key goes the same way every time, the share is kept, and another run draws anew', () => {
  const keys = Array.from({ length: 10_000 }, (_, index) => `person-${index}`);
  const chosen = (runId: string) => keys.filter((key) => isChosen(runId, 0.1, key));
  const first = chosen('r1');
  assert.equal(chosen('r1'), first);
  assert.ok(Math.abs(first.length - 1000) < 150, `${first.length} of 10000`);
  const both = chosen('r2').filter((key) => first.includes(key));
  assert.ok(both.length < 200, `${both.length} were chosen twice`);
  assert.equal([isChosen('r1', 0, 'x'), isChosen('r1', 1, 'x')], [false, true]);
});

test.run();
