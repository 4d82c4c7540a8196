/** Records saved by compare-and-swap, and heartbeats that vanish by themselves, against a real server. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { PipelineError } from '../../../contracts/errors.ts';
import { BUCKETS } from '../../../contracts/subjects.ts';
import type { ReplicaStatus } from '../../../contracts/replica.ts';
import { createRecordStore, openKv, type RecordStore } from '../../../infra/stores/record-store.ts';
import { createReplicaStore, replicaKey } from '../../../infra/stores/replica-store.ts';
import { withServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

const schema = z.object({ n: z.number() });

const withRecords = (
  use: (records: RecordStore<{ n: number }>, raw: (key: string, body: string) => Promise<unknown>) => Promise<void>,
) =>
  withServer(async ({ connect }) => {
    const kv = await openKv(await connect(), BUCKETS.runs);
    await use(createRecordStore({ kv, schema }), (key, body) => kv.put(key, body));
  });

const codeOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  return error instanceof PipelineError ? `${error.code}${error.retryable ? ', retryable' : ''}` : error;
};

test('records: a record is created once, saved at its revision, and loaded as it was saved', () =>
  withRecords(async (records) => {
    assert.is(await records.load('run.r1'), null);
    const first = await records.save('run.r1', { n: 1 }, 0);
    const second = await records.save('run.r1', { n: 2 }, first);
    const stored = await records.load('run.r1');
    assert.equal([stored?.value, stored?.revision, stored?.key], [{ n: 2 }, second, 'run.r1']);
    assert.ok(Math.abs(stored!.savedAt.getTime() - Date.now()) < 10_000);
  }));

test('records: whoever saves second is told to load again', () =>
  withRecords(async (records) => {
    const revision = await records.save('r1', { n: 1 }, 0);
    assert.is(await codeOf(records.save('r1', { n: 9 }, 0)), 'CHECKPOINT_CONFLICT, retryable');
    await records.save('r1', { n: 2 }, revision);
    assert.is(await codeOf(records.save('r1', { n: 9 }, revision)), 'CHECKPOINT_CONFLICT, retryable');
    assert.equal((await records.load('r1'))?.value, { n: 2 });
  }));

test('records: of many that save at once exactly one succeeds', () =>
  withRecords(async (records) => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => records.save('r1', { n }, 0)));
    assert.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  }));

test('records: the history is the time line, and a removed record is gone and may be made anew', () =>
  withRecords(async (records) => {
    assert.equal(await records.history('r1'), []);
    let revision = 0;
    for (const n of [1, 2, 3]) revision = await records.save('r1', { n }, revision);
    assert.equal(
      (await records.history('r1')).map(({ value }) => value.n),
      [1, 2, 3],
    );
    await records.remove('r1');
    assert.is(await records.load('r1'), null);
    assert.ok((await records.save('r1', { n: 4 }, 0)) > revision);
  }));

test('records: a list holds what the filter matches, and nothing that was removed', () =>
  withRecords(async (records) => {
    assert.equal(await records.list(), []);
    for (let n = 0; n < 50; n++) await records.save(`run.r${n}`, { n }, 0);
    await records.save('lock.face', { n: -1 }, 0);
    await records.remove('run.r7');
    const listed = (await records.list('run.>')).map(({ value }) => value.n);
    assert.is(listed.length, 49);
    assert.not(listed.includes(7));
    assert.is((await records.list()).length, 50);
  }));

test('records: a watcher hears of what is there and of every save', () =>
  withRecords(async (records) => {
    const revision = await records.save('face', { n: 1 }, 0);
    const seen: number[] = [];
    const watch = await records.watch('face', ({ value }) => seen.push(value.n));
    await until(() => seen.length === 1, 'the record that was there');
    await records.save('face', { n: 2 }, revision);
    await records.save('other', { n: 99 }, 0);
    await until(() => seen.length === 2, 'the save');
    assert.equal(seen, [1, 2]);
    watch.stop();
    await watch.ended;
  }));

test('records: one that does not fit the schema is an error that names bucket, key and field', () =>
  withRecords(async (records, raw) => {
    await raw('r1', '{"n":"one"}');
    const error = await records.load('r1').catch((reason: PipelineError) => reason);
    assert.match((error as PipelineError).message, /RUNS\/r1 revision 1 .*n: /);
  }));

const status = (replicaId: string): ReplicaStatus => ({
  replicaId,
  model: 'face',
  startedAt: '2026-01-01T00:00:00Z',
  release: null,
  modelDigest: null,
  decision: null,
  resident: [],
  prepared: null,
  figures: { requests: 0, failed: 0, latencyMs: null, scores: null },
  former: null,
  canary: null,
  draining: false,
  outOfService: null,
  alarm: null,
  swapUs: null,
});

test('replicas: a heartbeat that is not renewed vanishes, one that is renewed stays', () =>
  withServer(async ({ connect }) => {
    const replicas = await createReplicaStore(await connect());
    const [silent, alive] = [status('silent'), status('alive')];
    await replicas.put(replicaKey(silent), silent, 1_000);
    await replicas.put(replicaKey(alive), alive, 60_000);
    const ids = async (model?: string) => (await replicas.list(model)).map(({ replicaId }) => replicaId).sort();
    assert.equal(await ids('face'), ['alive', 'silent']);
    assert.equal(await ids('other'), []);
    // A renewal is a new time to live, not the old one gone: both are shortened and end.
    await until(async () => !(await ids()).includes('silent'), 'the silent one to vanish');
    assert.equal(await ids(), ['alive']);
    await replicas.put(replicaKey(alive), alive, 1_000);
    await until(async () => (await ids()).length === 0, 'the renewed one to vanish too');
  }));

test('replicas: one that says goodbye is gone at once', () =>
  withServer(async ({ connect }) => {
    const replicas = await createReplicaStore(await connect());
    await replicas.put('face.r1', status('r1'), 60_000);
    await replicas.remove('face.r1');
    assert.equal(await replicas.list('face'), []);
  }));

test.run();
