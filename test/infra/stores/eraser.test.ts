import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BUCKETS, STREAMS } from '../../../contracts/subjects.ts';
import { clientOf, managerOf } from '../../../infra/messaging/jetstream.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { createEraser } from '../../../infra/stores/eraser.ts';
import { openKv } from '../../../infra/stores/record-store.ts';
import { objectStreamName } from '../../../infra/topology/streams.ts';
import { withServer } from '../../support/server.ts';
import { filesWith } from '../../support/store-grep.ts';

test('eraser: an erased message leaves no byte on the disk, a purged one does', () =>
  withServer(async ({ connect, storeDir }) => {
    const nc = await connect();
    const eraser = await createEraser(nc);
    const js = clientOf(nc);
    const put = (text: string) => js.publish('nightshift.evt.train.failed.r1', text);
    await put('before');
    const erased = await put('Ada Lovelace');
    const purged = await put('Grace Hopper');
    await put('after');
    assert.is(filesWith(storeDir, 'Ada Lovelace').length, 1);
    assert.ok(await eraser.eraseMessage(STREAMS.events, erased.seq));
    assert.equal(filesWith(storeDir, 'Ada Lovelace'), []);
    await (await managerOf(nc)).streams.purge(STREAMS.events, { filter: 'nightshift.>', seq: purged.seq + 1 });
    assert.is(filesWith(storeDir, 'Grace Hopper').length, 1, 'the reason for erasing');
    assert.ok(await eraser.eraseMessage(STREAMS.events, erased.seq), 'a second time is the same');
    const left = [];
    for await (const { seq } of eraser.messages(STREAMS.events, 'nightshift.evt.>')) left.push(seq);
    assert.equal(left, [purged.seq + 1]);
  }));

test('eraser: an object that is replaced or erased leaves no byte of what it was', () =>
  withServer(async ({ connect, storeDir }) => {
    const nc = await connect();
    const eraser = await createEraser(nc);
    const blobs = createBlobStore(nc);
    const [old, other] = [randomBytes(1_500_000), randomBytes(1000)];
    const ref = await blobs.put(BUCKETS.models, 'face/r1/gallery.safetensors', old);
    await blobs.put(BUCKETS.models, 'face/r2/gallery.safetensors', other);
    const slices = [old.subarray(5_000, 5_100), old.subarray(1_400_000, 1_400_100)];
    assert.equal(
      slices.map((slice) => filesWith(storeDir, slice).length),
      [1, 1],
    );
    const bytes = randomBytes(700_000);
    await eraser.replaceObject(ref, bytes);
    const now = await blobs.find(BUCKETS.models, ref.key);
    assert.equal(await blobs.get(now!), bytes);
    assert.equal(
      slices.flatMap((slice) => filesWith(storeDir, slice)),
      [],
    );
    assert.equal((await eraser.objects(BUCKETS.models)).map(({ key }) => key).sort(), [
      ...['face/r1/gallery.safetensors', 'face/r2/gallery.safetensors'],
    ]);
    await eraser.eraseObject(ref);
    assert.is(await blobs.find(BUCKETS.models, ref.key), null);
    assert.equal(filesWith(storeDir, bytes.subarray(300_000, 300_100)), []);
    assert.is(filesWith(storeDir, other.subarray(300, 400)).length, 1);
  }));

test('eraser: a replacement that was interrupted is finished when objects are listed', () =>
  withServer(async ({ connect, storeDir }) => {
    const nc = await connect();
    const blobs = createBlobStore(nc);
    const old = randomBytes(1000);
    const ref = await blobs.put(BUCKETS.models, 'face/r1/gallery.safetensors', old);
    const eraser = await createEraser(nc);
    const stream = objectStreamName(BUCKETS.models);
    const metas = [];
    for await (const message of eraser.messages(stream, '$O.MODELS.M.>')) metas.push(message);
    // As a kill between the new description and the end of the old one leaves it.
    const { subject } = metas[0]!;
    await clientOf(nc).publish('$O.MODELS.C.new', 'without');
    const meta = { ...metas[0]!.json<object>(), nuid: 'new', size: 7, chunks: 1 };
    await clientOf(nc).publish(subject, JSON.stringify(meta));
    assert.is(filesWith(storeDir, old).length, 1);
    assert.equal(
      (await eraser.objects(BUCKETS.models)).map(({ key, bytes }) => [key, bytes]),
      [[ref.key, 7]],
    );
    assert.equal(filesWith(storeDir, old), []);
  }));

test('eraser: an upload that was interrupted for good is erased, one that is under way is not', () =>
  withServer(async ({ connect, storeDir }) => {
    const nc = await connect();
    const blobs = createBlobStore(nc);
    const whole = randomBytes(1000);
    await blobs.put(BUCKETS.datasets, 'shards/1.tar', whole);
    const fragment = randomBytes(1000);
    // As a killed collector leaves it.
    await clientOf(nc).publish('$O.DATASETS.C.killed', fragment);
    const eraser = await createEraser(nc);
    const [long, soon] = [new Date(0), new Date(Date.now() + 60_000)];
    assert.is(await eraser.eraseFragments(BUCKETS.datasets, long, { isDry: false }), 0);
    assert.is(await eraser.eraseFragments(BUCKETS.datasets, soon, { isDry: true }), 1);
    assert.is(filesWith(storeDir, fragment).length, 1);
    assert.is(await eraser.eraseFragments(BUCKETS.datasets, soon, { isDry: false }), 1);
    assert.equal(filesWith(storeDir, fragment), []);
    assert.is(filesWith(storeDir, whole).length, 1);
  }));

test('eraser: single revisions of a record can be erased', () =>
  withServer(async ({ connect, storeDir }) => {
    const nc = await connect();
    const kv = await openKv(nc, BUCKETS.runs);
    const first = await kv.put('run.r1', 'lost: Ada Lovelace');
    await kv.put('run.r1', 'lost: somebody');
    const eraser = await createEraser(nc);
    assert.is(filesWith(storeDir, 'Ada Lovelace').length, 1);
    assert.ok(await eraser.eraseMessage('KV_RUNS', first));
    assert.equal(filesWith(storeDir, 'Ada Lovelace'), []);
    assert.is((await kv.get('run.r1'))?.string(), 'lost: somebody');
  }));

test.run();
