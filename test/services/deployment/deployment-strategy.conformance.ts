/**
 * The verdicts that every deployment strategy gives before, at and after the commit, with or without steps in between.
 * Run by the test of each strategy.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DeploymentConfigSchema } from '../../../contracts/configuration/deployment.ts';
import type { Deployment } from '../../../contracts/release.ts';
import type { ReplicaStatus } from '../../../contracts/replica.ts';
import type {
  DeploymentObservation,
  DeploymentStrategy,
  DeploymentVerdict,
} from '../../../services/deployment/strategy.ts';
import { deploymentOf, releaseOf, pairOf, replicaOf } from '../../support/deployments.ts';

export const CONFIG = DeploymentConfigSchema.parse({ replicasMin: 2, guardRequestsMin: 20 });
const LATENCY = { p50: 1, p95: 2, p99: 3, max: 4 };
export const ANNOUNCED = deploymentOf({ current: releaseOf('r1', 1), announced: pairOf('r2'), runId: 'r2' });
export const COMMITTED = deploymentOf({
  current: releaseOf('r2', 2),
  previous: releaseOf('r1', 1),
  runId: 'r2',
  change: 'committed',
});

export const prepared = (replicaId: string, refused: string | null = null, runId = 'r2') =>
  replicaOf(replicaId, { release: 1, prepared: { runId, modelDigest: pairOf(runId).model.digest, refused } });
const serving = (replicaId: string, requests = 0, failed = 0, p99 = 3, release = 2) =>
  replicaOf(replicaId, {
    release,
    swapUs: requests + 1,
    figures: { requests, failed, latencyMs: requests ? { ...LATENCY, p99 } : null, scores: null },
  });

interface Row {
  readonly name: string;
  readonly verdict: DeploymentVerdict;
  readonly action: DeploymentVerdict['action'];
  /** Matched against `waitingFor`, or against `<code> <message>` of the failure. */
  readonly says?: RegExp;
}

const otherBytes = {
  ...prepared('b'),
  prepared: { ...prepared('b').prepared!, modelDigest: pairOf('x').model.digest },
};

export const saidBy = (verdict: DeploymentVerdict): string => {
  if ('failure' in verdict) return `${verdict.failure.code} ${verdict.failure.message}`;
  return verdict.action === 'wait' ? verdict.waitingFor : '';
};

/** Declares the tests; the caller runs them. */
export function conforms(strategy: DeploymentStrategy): void {
  const { name } = strategy;
  const decide = (
    phase: DeploymentObservation['phase'],
    deployment: Deployment | null,
    replicas: readonly ReplicaStatus[],
    windowOver = false,
  ) => {
    const observation = { runId: 'r2', phase, deployment, replicas, windowOver };
    return strategy.decide(observation, CONFIG);
  };

  const table: readonly Row[] = [
    { name: 'no record yet', verdict: decide('preparing', null, []), action: 'wait', says: /announcement of run r2/ },
    {
      name: 'the announcement is not visible yet',
      verdict: decide('preparing', { ...ANNOUNCED, announced: null }, [prepared('a')]),
      action: 'wait',
      says: /announcement of run r2/,
    },
    {
      name: 'every live replica is prepared',
      verdict: decide('preparing', ANNOUNCED, [prepared('a'), prepared('b')]),
      action: 'commit',
    },
    {
      name: 'a replica is still loading',
      verdict: decide('preparing', ANNOUNCED, [prepared('a'), replicaOf('b'), replicaOf('c')]),
      action: 'wait',
      says: /replicas b, c to prepare/,
    },
    {
      name: 'a replica prepared the candidate of another run',
      verdict: decide('preparing', ANNOUNCED, [prepared('a'), prepared('b', null, 'r9')]),
      action: 'wait',
      says: /replicas b to prepare/,
    },
    {
      name: 'a replica prepared other bytes of the same run',
      verdict: decide('preparing', ANNOUNCED, [prepared('a'), otherBytes]),
      action: 'wait',
      says: /replicas b to prepare/,
    },
    {
      name: 'too few replicas are alive',
      verdict: decide('preparing', ANNOUNCED, [prepared('a')]),
      action: 'wait',
      says: /2 live replicas \(1 there\)/,
    },
    {
      name: 'replicas of another model do not count',
      verdict: decide('preparing', ANNOUNCED, [prepared('a'), { ...prepared('b'), model: 'plate' }]),
      action: 'wait',
      says: /2 live replicas \(1 there\)/,
    },
    {
      name: 'a replica refused, though others still load',
      verdict: decide('preparing', ANNOUNCED, [replicaOf('a'), prepared('b', 'BLOB_CORRUPT: digest differs')]),
      action: 'abort',
      says: /BLOB_CORRUPT replica b refused the candidate of run r2: BLOB_CORRUPT: digest differs/,
    },
    {
      name: 'a refusal without a known code',
      verdict: decide('preparing', ANNOUNCED, [prepared('b', 'no idea')]),
      action: 'abort',
      says: /MODEL_MISMATCH .*no idea/,
    },
    {
      name: 'a refusal of an earlier run is old news',
      verdict: decide('preparing', ANNOUNCED, [prepared('a', 'MODEL_MISMATCH: x', 'r9'), prepared('b')]),
      action: 'wait',
    },
    {
      name: 'another run has announced',
      verdict: decide('preparing', { ...ANNOUNCED, announced: pairOf('r3') }, [prepared('a'), prepared('b')]),
      action: 'abort',
      says: /DEPLOYMENT_CONFLICT .*run r3/,
    },
    { name: 'it was committed already', verdict: decide('preparing', COMMITTED, [serving('a')]), action: 'commit' },
    {
      name: 'the commit is not visible yet',
      verdict: decide('committing', ANNOUNCED, [serving('a'), serving('b')]),
      action: 'wait',
      says: /commit of run r2/,
    },
    {
      name: 'a replica has not switched',
      verdict: decide('committing', COMMITTED, [serving('a'), serving('b', 0, 0, 0, 1)]),
      action: 'wait',
      says: /replicas b to switch to release 2/,
    },
    {
      name: 'a replica still answers requests of the former release',
      verdict: decide('committing', COMMITTED, [serving('a'), { ...serving('b'), draining: true }]),
      action: 'wait',
      says: /replicas b to switch to release 2/,
    },
    {
      name: 'nobody waits for a replica that is out of service',
      verdict: decide('committing', COMMITTED, [serving('a'), serving('b'), { ...replicaOf('c'), outOfService: 'X' }]),
      action: 'switched',
    },
    {
      name: 'a replica out of service is not among those needed',
      verdict: decide('committing', COMMITTED, [serving('a'), { ...replicaOf('c'), outOfService: 'X' }]),
      action: 'wait',
      says: /2 live replicas \(1 there\)/,
    },
    {
      name: 'a refusal by a replica that is out of service does not stop the others',
      verdict: decide('preparing', ANNOUNCED, [
        prepared('a'),
        prepared('b'),
        { ...prepared('c', 'BLOB_CORRUPT: x'), outOfService: 'BLOB_CORRUPT: x' },
      ]),
      action: 'commit',
    },
    {
      name: 'all replicas died in the commit',
      verdict: decide('committing', COMMITTED, []),
      action: 'wait',
      says: /2 live replicas \(0 there\)/,
    },
    {
      name: 'all have switched',
      verdict: decide('committing', COMMITTED, [serving('a'), serving('b')]),
      action: 'switched',
    },
    {
      name: 'rolled back everywhere, though fewer are alive',
      verdict: decide('rollingBack', deploymentOf({ current: releaseOf('r1', 3) }), [serving('a', 0, 0, 0, 3)]),
      action: 'switched',
    },
    {
      name: 'rolled back while no replica is alive',
      verdict: decide('rollingBack', deploymentOf({ current: releaseOf('r1', 3) }), []),
      action: 'switched',
    },
    {
      name: 'a replica still serves the bad release',
      verdict: decide('rollingBack', deploymentOf({ current: releaseOf('r1', 3) }), [serving('a')]),
      action: 'wait',
      says: /replicas a to switch to release 3/,
    },
    {
      name: 'within the guard',
      verdict: decide('guarding', COMMITTED, [serving('a', 100)]),
      action: 'wait',
      says: /guard/,
    },
    { name: 'the guard is over', verdict: decide('guarding', COMMITTED, [serving('a', 100)], true), action: 'keep' },
    {
      name: 'the guard passes without traffic',
      verdict: decide('guarding', COMMITTED, [serving('a')], true),
      action: 'keep',
    },
    {
      name: 'errors over all replicas breach',
      verdict: decide('guarding', COMMITTED, [serving('a', 50, 2), serving('b', 50, 0)]),
      action: 'roll-back',
      says: /GUARD_BREACHED release 2 failed 2 of 100 requests \(2\.00 %\); at most 1\.00 %/,
    },
    {
      name: 'errors exactly at the limit do not',
      verdict: decide('guarding', COMMITTED, [serving('a', 100, 1)]),
      action: 'wait',
    },
    {
      name: 'too few requests tell nothing',
      verdict: decide('guarding', COMMITTED, [serving('a', 19, 19)]),
      action: 'wait',
    },
    {
      name: 'a breach at the very end of the guard still rolls back',
      verdict: decide('guarding', COMMITTED, [serving('a', 100, 50)], true),
      action: 'roll-back',
    },
    {
      name: 'a slow replica breaches',
      verdict: decide('guarding', COMMITTED, [serving('a', 100), serving('b', 100, 0, 501)]),
      action: 'roll-back',
      says: /GUARD_BREACHED .*replica b takes 501\.0 ms.*at most 500 ms/,
    },
    {
      name: 'errors of replicas on another release do not count',
      verdict: decide('guarding', COMMITTED, [serving('a', 100), serving('b', 100, 100, 3, 1)]),
      action: 'wait',
    },
    {
      name: 'nobody serves the new release any more',
      verdict: decide('guarding', COMMITTED, [serving('a', 0, 0, 0, 1)], true),
      action: 'roll-back',
      says: /NOT_READY none of 1 live replicas/,
    },
    {
      name: 'somebody else rolled back meanwhile',
      verdict: decide('guarding', deploymentOf({ current: releaseOf('r1', 3), previous: releaseOf('r2', 2) }), [
        serving('a'),
      ]),
      action: 'roll-back',
      says: /DEPLOYMENT_CONFLICT release 3 of run r1 serves instead/,
    },
  ];

  for (const { name: row, verdict, action, says } of table) {
    test(`${name}: ${row} -> ${action}`, () => {
      assert.is(verdict.action, action, JSON.stringify(verdict));
      if (says) assert.match(saidBy(verdict), says);
    });
  }

  test(`${name}: the longest swap of any replica is reported`, () => {
    const verdict = decide('committing', COMMITTED, [serving('a', 3), serving('b', 7)]);
    assert.equal(verdict, { action: 'switched', replicas: 2, swapUsMax: 8 });
  });
}
