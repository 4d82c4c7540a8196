/** Messages and records that name a person, on a real server. */
import { headers } from '@nats-io/nats-core';
import { z } from 'zod';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Forgetting } from '../../../actors/janitor/context.ts';
import { createTally } from '../../../actors/janitor/tally.ts';
import { eraseFacts, lookThroughQueue, lookThroughRecords, rewriteRuns } from '../../../actors/janitor/streams.ts';
import { BUCKETS, STREAMS } from '../../../contracts/subjects.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { publishForgotten } from '../../../infra/stores/enrolment-log.ts';
import { createEraser } from '../../../infra/stores/eraser.ts';
import { openForgotten } from '../../../infra/stores/forgotten-store.ts';
import { openKeptRecords } from '../../../infra/stores/kept-records.ts';
import { createRecordStore, openKv } from '../../../infra/stores/record-store.ts';
import { createBus } from '../../../infra/messaging/bus.ts';
import { managerOf } from '../../../infra/messaging/jetstream.ts';
import { NO_SIGNING } from '../../../services/signing/signing.ts';
import { nothingFound } from '../../../services/forgetting/snapshot-without.ts';
import { failureOf } from '../../support/samples.ts';
import { withServer, type TestServer } from '../../support/server.ts';
import { filesWith } from '../../support/store-grep.ts';

const ADA = 'Ada Quellmalz';

async function forgettingOn({ connect, log }: TestServer, isDry = false) {
  const nc = await connect();
  const forgetting: Forgetting = {
    bus: await createBus({ nc, source: 'test', log, now: () => new Date(), newId: () => crypto.randomUUID() }),
    signing: NO_SIGNING,
    ...{ blobs: createBlobStore(nc), eraser: await createEraser(nc), forgotten: await openForgotten(nc) },
    publishForgotten: (model, mark) => publishForgotten(nc, model, mark),
    ...{ log, now: () => new Date(), id: 'f', person: 'a'.repeat(64), isPerson: (name) => name === ADA, isDry },
    ...{ found: { ...nothingFound(), names: new Set([ADA]) }, tally: createTally(() => {}) },
  };
  return { nc, forgetting };
}

const rowOf = ({ tally }: Forgetting, place: string) => tally.rows.find((row) => row.place === place);

test('janitor: facts that name the person are erased, in words or in a header, the others stay', () =>
  withServer(async (server) => {
    const { nc, forgetting } = await forgettingOn(server);
    const { bus } = forgetting;
    await bus.publish('nightshift.evt.train.failed.r1', { failure: `${ADA}, who is held out` });
    await bus.publish('nightshift.evt.train.failed.r2', { failure: 'the disk is full' });
    const letter = headers();
    letter.set('Nightshift-Error', `no such person: ${ADA}`);
    nc.publish('nightshift.dlq.COMMANDS.train-start', 'text', { headers: letter });
    await nc.flush();
    for (const stream of [STREAMS.events, STREAMS.dlq]) await eraseFacts(forgetting, stream);
    assert.equal([rowOf(forgetting, 'EVENTS')?.looked, rowOf(forgetting, 'EVENTS')?.removed], [2, 1]);
    assert.is(rowOf(forgetting, 'DLQ')?.removed, 1);
    assert.equal(filesWith(server.storeDir, ADA), []);
    assert.ok(await bus.lastOn(STREAMS.events, 'nightshift.evt.train.failed.r2'));
  }));

test('janitor: the record of a run goes on without the name, and none of its revisions has it', () =>
  withServer(async (server) => {
    const { nc, forgetting } = await forgettingOn(server);
    const kv = await openKv(nc, BUCKETS.runs);
    await kv.put('run.r1', JSON.stringify({ state: 'training', failure: null }));
    await kv.put('run.r1', JSON.stringify({ state: 'failed', failure: `of ${ADA}` }));
    await kv.put('run.r1', JSON.stringify({ state: 'failed', failure: `of ${ADA}, at last` }));
    await kv.put('run.r2', JSON.stringify({ state: 'completed', failure: null }));
    await rewriteRuns(forgetting, await openKeptRecords(nc, BUCKETS.runs));
    assert.equal((await kv.get('run.r1'))?.json(), { state: 'failed', failure: 'of (forgotten), at last' });
    assert.equal(rowOf(forgetting, BUCKETS.runs), {
      ...{ place: 'RUNS', what: 'records', looked: 4, changed: 1, removed: 1, left: 0 },
    });
    assert.equal(filesWith(server.storeDir, ADA), []);
  }));

test('janitor: a record with a checksum has one that fits afterwards, and a damaged one stays damaged', () =>
  withServer(async (server) => {
    const { nc, forgetting } = await forgettingOn(server);
    const kv = await openKv(nc, BUCKETS.runs);
    const runs = createRecordStore({ kv, schema: z.object({ failure: z.string() }) });
    await runs.save('run.r1', { failure: `of ${ADA}` }, 0);
    await runs.save('run.r2', { failure: `by ${ADA}` }, 0);
    await kv.put('run.r2', (await kv.get('run.r2'))!.string().replace('by', 'of'));
    await rewriteRuns(forgetting, await openKeptRecords(nc, BUCKETS.runs));
    assert.equal((await runs.load('run.r1'))?.value, { failure: 'of (forgotten)' });
    assert.is((await failureOf(runs.load('run.r2'))).code, 'RECORD_DAMAGED');
    assert.equal(filesWith(server.storeDir, ADA), []);
  }));

test('janitor: in a bucket of before 0.4.0 single revisions stay, and the report says so', () =>
  withServer(async (server) => {
    const { nc, forgetting } = await forgettingOn(server);
    const manager = await managerOf(nc);
    const { config } = await manager.streams.info('KV_RUNS');
    await manager.streams.delete('KV_RUNS');
    await manager.streams.add({ ...config, deny_delete: true });
    const kv = await openKv(nc, BUCKETS.runs);
    await kv.put('run.r1', JSON.stringify({ failure: `of ${ADA}` }));
    await rewriteRuns(forgetting, await openKeptRecords(nc, BUCKETS.runs));
    assert.equal((await kv.get('run.r1'))?.json(), { failure: 'of (forgotten)' });
    assert.is(rowOf(forgetting, BUCKETS.runs)?.left, 1);
    assert.match(forgetting.tally.remarks.join(), /RUNS: the bucket was made before 0.4.0/);
  }));

test('janitor: what waits, and records of others, are looked through and counted', () =>
  withServer(async (server) => {
    const { nc, forgetting } = await forgettingOn(server);
    const kv = await openKv(nc, BUCKETS.deployments);
    await kv.put('face', JSON.stringify({ ledger: [{ why: `for ${ADA}` }] }));
    await forgetting.bus.publish('nightshift.ctl.pipeline.start', { model: 'face', reason: ADA });
    await lookThroughQueue(forgetting, STREAMS.ctl);
    await lookThroughRecords(forgetting, BUCKETS.deployments);
    assert.equal([rowOf(forgetting, 'CTL')?.left, rowOf(forgetting, 'DEPLOYMENTS')?.left], [1, 1]);
    assert.is(forgetting.tally.remarks.length, 2);
  }));

test('janitor: a look removes nothing', () =>
  withServer(async (server) => {
    const { nc, forgetting } = await forgettingOn(server, true);
    await forgetting.bus.publish('nightshift.evt.train.failed.r1', { failure: ADA });
    await (await openKv(nc, BUCKETS.runs)).put('run.r1', JSON.stringify({ failure: ADA }));
    await eraseFacts(forgetting, STREAMS.events);
    await rewriteRuns(forgetting, await openKeptRecords(nc, BUCKETS.runs));
    assert.equal([rowOf(forgetting, 'EVENTS')?.removed, rowOf(forgetting, BUCKETS.runs)?.changed], [1, 1]);
    assert.ok(filesWith(server.storeDir, ADA).length >= 2);
  }));

test.run();
