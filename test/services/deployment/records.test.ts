import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DeploymentSchema, type Deployment } from '../../../contracts/values.ts';
import { announce, commit, rollBack, withdraw } from '../../../services/deployment/records.ts';
import { pairOf } from '../../support/deployments.ts';
import { failureOf } from '../../support/failures.ts';

const NOW = new Date('2026-01-01T02:00:00Z');
const LATER = new Date('2026-01-01T03:00:00Z');

/** The record after each run has announced and committed in turn. */
function deployed(...runIds: string[]): Deployment {
  let record: Deployment | null = null;
  for (const runId of runIds) record = commit(announce(record, pairOf(runId), runId, 'face'), runId, NOW);
  return DeploymentSchema.parse(record);
}

test('records: announcing keeps what serves', () => {
  const first = announce(null, pairOf('r1'), 'r1', 'face');
  assert.equal(DeploymentSchema.parse(first), {
    ...{ model: 'face', current: null, previous: null, epochMax: 0, runId: 'r1', change: 'announced' },
    candidate: pairOf('r1'),
  });
  const next = announce(deployed('r1'), pairOf('r2'), 'r2', 'face');
  assert.is(next.current?.runId, 'r1');
  assert.is(next.candidate?.runId, 'r2');
});

test('records: committing moves candidate to current and current to previous', () => {
  const record = deployed('r1', 'r2', 'r3');
  assert.is(record.current?.runId, 'r3');
  assert.is(record.current?.epoch, 3);
  assert.is(record.current?.committedAt, '2026-01-01T02:00:00.000Z');
  assert.is(record.previous?.runId, 'r2');
  assert.is(record.candidate, null);
  assert.is(record.change, 'committed');
});

test('records: rolling back gives the previous pair a new epoch and keeps the other resident', () => {
  const record = DeploymentSchema.parse(rollBack(deployed('r1', 'r2'), 'r2', LATER));
  assert.equal(
    [record.current?.runId, record.current?.epoch, record.previous?.runId, record.previous?.epoch, record.epochMax],
    ['r1', 3, 'r2', 2, 3],
  );
  assert.is(record.current?.committedAt, LATER.toISOString());
  assert.is(record.current?.model.digest, pairOf('r1').model.digest);
});

test('records: an operator may roll back with a run of its own, and again to undo that', () => {
  const back = rollBack(deployed('r1', 'r2'), 'rollback-1', LATER);
  assert.is(back.current?.runId, 'r1');
  const forth = rollBack(back, 'rollback-2', LATER);
  assert.equal([forth.current?.runId, forth.current?.epoch], ['r2', 4]);
});

test('records: rolling back keeps the candidate of another run', () => {
  const record = announce(deployed('r1', 'r2'), pairOf('r3'), 'r3', 'face');
  assert.is(rollBack(record, 'rollback-1', LATER).candidate?.runId, 'r3');
});

test('records: every transition taken twice by the same run changes nothing', () => {
  const announced = announce(deployed('r1'), pairOf('r2'), 'r2', 'face');
  assert.is(announce(announced, pairOf('r2'), 'r2', 'face'), announced);
  const committed = commit(announced, 'r2', NOW);
  assert.is(commit(committed, 'r2', LATER), committed);
  assert.is(announce(committed, pairOf('r2'), 'r2', 'face'), committed);
  const back = rollBack(committed, 'r2', LATER);
  assert.is(rollBack(back, 'r2', LATER), back);
  const withdrawn = withdraw(announced, 'r2');
  assert.is(withdraw(withdrawn, 'r2'), withdrawn);
  assert.is(withdrawn.candidate, null);
  assert.is(withdrawn.current, announced.current);
});

test('records: a withdrawn candidate may be announced again', () => {
  const withdrawn = withdraw(announce(deployed('r1'), pairOf('r2'), 'r2', 'face'), 'r2');
  assert.is(announce(withdrawn, pairOf('r2'), 'r2', 'face').candidate?.runId, 'r2');
});

test("records: another run's candidate is neither replaced, committed nor withdrawn", async () => {
  const record = announce(deployed('r1'), pairOf('r2'), 'r2', 'face');
  const announcing = await failureOf(() => announce(record, pairOf('r3'), 'r3', 'face'));
  assert.is(announcing.code, 'DEPLOYMENT_CONFLICT');
  assert.match(announcing.message, /model face, run r3: run r2 has announced a candidate/);
  assert.is((await failureOf(() => commit(record, 'r3', NOW))).code, 'DEPLOYMENT_CONFLICT');
  assert.is(withdraw(record, 'r3'), record);
});

test('records: a commit that comes late, after a roll-back, is a conflict and not a second deployment', async () => {
  const back = rollBack(deployed('r1', 'r2'), 'r2', LATER);
  assert.is((await failureOf(() => commit(back, 'r2', LATER))).code, 'DEPLOYMENT_CONFLICT');
});

test('records: a roll-back that comes late does not bring back the wrong epoch', async () => {
  const failure = await failureOf(() => rollBack(deployed('r1', 'r2', 'r3'), 'r2', LATER));
  assert.is(failure.code, 'DEPLOYMENT_CONFLICT');
  const byOperator = rollBack(deployed('r1', 'r2'), 'rollback-1', LATER);
  assert.is(rollBack(byOperator, 'r2', LATER), byOperator);
});

test('records: the first epoch has nothing to roll back to', async () => {
  const failure = await failureOf(() => rollBack(deployed('r1'), 'r1', LATER));
  assert.is(failure.code, 'NO_PREVIOUS_EPOCH');
  assert.match(failure.message, /epoch 1 is its first/);
  const announced = announce(null, pairOf('r1'), 'r1', 'face');
  assert.is((await failureOf(() => rollBack(announced, 'r1', LATER))).code, 'NO_PREVIOUS_EPOCH');
});

test.run();
