/** The findings on replicas, runs and dead letters, from answers as the orchestrator gives them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ListedLetter, ModelStatus, RunSummary } from '../../../contracts/api.ts';
import { letterFindings, replicaFindings, runFindings, versionFindings } from '../../../infra/health/service.ts';

const NOW_MS = Date.parse('2026-11-26T12:00:00Z');
const HOUR_MS = 3600_000;

/** Only the fields that are looked at. */
const status = (replicas: readonly object[], more: object = {}) =>
  ({ model: 'face', deployment: { current: { release: 3 } }, alarms: [], replicas, ...more }) as unknown as ModelStatus;
const replica = (more: object = {}) => ({
  replicaId: 'r-1',
  release: 3,
  outOfService: null,
  version: '0.5.0',
  ...more,
});
const idsOf = (of: ModelStatus) => replicaFindings(of).map(({ id, severity }) => `${severity} ${id}`);

test('doctor: replicas that serve the release in service are in order', () => {
  assert.equal(idsOf(status([replica(), replica({ replicaId: 'r-2' })])), []);
  assert.equal(idsOf(status([], { deployment: null })), []);
});

test('doctor: no replica, one out of service, one behind and an alarm are told', () => {
  assert.equal(idsOf(status([])), ['error replicas.none']);
  assert.equal(idsOf(status([replica({ outOfService: 'BLOB_MISSING: gone' })])), ['error replica.out']);
  assert.equal(idsOf(status([replica({ release: 2 })])), ['warning replica.behind']);
  assert.equal(idsOf(status([replica()], { alarms: ['RELEASE_STALE: old'] })), ['error release.alarm']);
});

test('doctor: two versions side by side are told, with how many run each', () => {
  assert.equal(versionFindings([status([replica(), replica()])], '0.5.0'), []);
  const [skew] = versionFindings([status([replica(), replica({ version: undefined })])], '0.5.0');
  assert.match(skew!.sentence, /of 2 replicas 1 run 0\.5\.0, 1 run before 0\.5\.0; this command is 0\.5\.0/);
  const [other] = versionFindings([status([replica()])], '0.6.0');
  assert.match(other!.sentence, /of 1 replicas 1 run 0\.5\.0; this command is 0\.6\.0/);
});

const run = (more: object): RunSummary => ({
  ...{ runId: 'n1', model: 'face', kind: 'night', state: 'training.working', status: 'active', failure: null },
  ...{ startedAt: '2026-11-26T01:00:00Z', updatedAt: new Date(NOW_MS - HOUR_MS).toISOString() },
  ...more,
});

test('doctor: a run that needs somebody, waits, or has not moved for hours is told; one that works or ended is not', () => {
  const ids = (more: object) => runFindings([run(more)], NOW_MS).map(({ id, severity }) => `${severity} ${id}`);
  assert.equal(ids({}), []);
  assert.equal(ids({ state: 'needsOperator' }), ['error run.stuck']);
  assert.equal(ids({ state: 'awaitingApproval' }), ['warning run.waits']);
  assert.equal(ids({ state: 'paused' }), ['warning run.waits']);
  assert.equal(ids({ updatedAt: new Date(NOW_MS - 5 * HOUR_MS).toISOString() }), ['warning run.quiet']);
  assert.equal(ids({ status: 'done', state: 'failed', updatedAt: '2026-01-01T00:00:00Z' }), []);
});

test('doctor: dead letters are counted, with the reason of the newest', () => {
  assert.equal(letterFindings(0, undefined), []);
  const newest = { keptAt: 'now', code: 'LOCAL_SETTING', error: 'a program by message' } as ListedLetter;
  assert.match(
    letterFindings(7, newest)[0]!.sentence,
    /^7 dead letters are kept.*LOCAL_SETTING: a program by message$/,
  );
});

test.run();
