import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startBlobReader } from '../../../actors/inference/blob-reader.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { withServer } from '../../support/server.ts';

test('blob reader: objects come whole, whatever their size, and many at once', () =>
  withServer(async ({ url, connect }) => {
    const store = createBlobStore(await connect('writer'));
    const reader = startBlobReader({ url, source: 'inference' });
    const contents = [0, 1, 30_000, 3_000_000].map((length) => randomBytes(length));
    const refs = [];
    for (const [i, content] of contents.entries()) refs.push(await store.put('MODELS', `m${i}`, content));
    const read = await Promise.all(refs.map((ref) => reader.get(ref)));
    read.forEach((bytes, i) => assert.ok(bytes.equals(contents[i]!), `object ${i}`));
    await reader.close();
  }));

test('blob reader: an error of the store arrives with code and text, and others are still read', () =>
  withServer(async ({ url, connect }) => {
    const store = createBlobStore(await connect('writer'));
    const reader = startBlobReader({ url, source: 'inference' });
    const ref = await store.put('MODELS', 'm', Buffer.from('model'));
    const error = await reader.get({ ...ref, key: 'other' }).catch((reason: unknown) => reason);
    assert.instance(error, PipelineError);
    const { code, message, retryable } = error as PipelineError;
    assert.equal({ code, retryable }, { code: 'BLOB_MISSING', retryable: false });
    assert.match(message, /^inference: object MODELS\/other /);
    assert.is((await reader.get(ref)).toString(), 'model');
    await reader.close();
  }));

test('blob reader: closing gives up the objects that are being read, and a call after that gets another thread', () =>
  withServer(async ({ url, connect }) => {
    const store = createBlobStore(await connect('writer'));
    const reader = startBlobReader({ url, source: 'inference' });
    const ref = await store.put('MODELS', 'm', Buffer.from('model'));
    const pending = reader.get(ref).catch((reason: unknown) => reason);
    await reader.close();
    const outcome = await pending;
    assert.ok(Buffer.isBuffer(outcome) || (outcome as PipelineError).retryable);
    assert.is((await reader.get(ref)).toString(), 'model');
    await reader.close();
  }));

test.run();
