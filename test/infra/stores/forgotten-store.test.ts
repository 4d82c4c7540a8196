import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { openForgotten } from '../../../infra/stores/forgotten-store.ts';
import { createEraser } from '../../../infra/stores/eraser.ts';
import { failureOf } from '../../support/samples.ts';
import { withServer } from '../../support/server.ts';

test('forgotten-store: one salt for the installation, people by hash with the day since', () =>
  withServer(async ({ connect }) => {
    const store = await openForgotten(await connect());
    assert.is(await store.salt(), null);
    await Promise.all([store.makeSalt(), (await openForgotten(await connect())).makeSalt()]);
    const salt = await store.salt();
    assert.match(salt!, /^[0-9a-f]{32}$/);
    await store.makeSalt();
    assert.is(await store.salt(), salt);
    const [ada, bob] = ['a'.repeat(64), 'b'.repeat(64)];
    await store.add(ada, new Date('2026-01-01T00:00:00Z'));
    await store.add(bob, new Date('2026-01-02T00:00:00Z'));
    await store.remove(bob);
    assert.equal([...(await store.people())], [[ada, '2026-01-01T00:00:00.000Z']]);
  }));

test('forgotten-store: who asks for an object by its old digest is led on, however often people were taken out', () =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    const [blobs, store, eraser] = [createBlobStore(nc), await openForgotten(nc), await createEraser(nc)];
    const put = (key: string, text: string) => blobs.put('DATASETS', key, Buffer.from(text));
    const all = await put('manifests/1.json', 'Ada, Bob and Cleo');
    const two = await put('manifests/2.json', 'Bob and Cleo');
    const one = await put('manifests/3.json', 'Cleo');
    await store.forward(all.digest, two, null);
    assert.is((await blobs.get(all)).toString(), 'Ada, Bob and Cleo', 'as long as it is there it is what is given');
    await eraser.eraseObject(all);
    assert.is((await blobs.get(all)).toString(), 'Bob and Cleo');
    await store.forward(two.digest, one, null);
    await eraser.eraseObject(two);
    assert.is((await blobs.get(all)).toString(), 'Cleo');
    assert.ok((await blobs.holds(all)) && (await blobs.holds(one)));
    await eraser.eraseObject(one);
    assert.not.ok(await blobs.holds(all));
    assert.is((await failureOf(blobs.get(all))).code, 'BLOB_MISSING');
  }));

test('forgotten-store: a model is never led elsewhere, nor anything out of its bucket or to a model', () =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    const [blobs, store, eraser] = [createBlobStore(nc), await openForgotten(nc), await createEraser(nc)];
    const put = (key: string, text: string) => blobs.put('MODELS', key, Buffer.from(text));
    const gone = [
      await put('face/r1/model.onnx', 'model'),
      await put('face/r1/gallery.safetensors', 'gallery'),
    ] as const;
    const model = await put('face/r2/model.onnx', 'of a forger');
    const foreign = await blobs.put('REPORTS', 'face/r1/gallery.safetensors', Buffer.from('of another bucket'));
    for (const ref of gone) await eraser.eraseObject(ref);
    for (const now of [model, foreign]) {
      for (const ref of gone) {
        await store.forward(ref.digest, now, null);
        assert.is((await failureOf(blobs.get(ref))).code, 'BLOB_MISSING');
      }
    }
  }));

test.run();
