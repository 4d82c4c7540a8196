import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startBlobReader } from '../../../actors/inference/blob-reader.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import type { BlobRef } from '../../../contracts/references.ts';
import { ForgettingStatementSchema, type EnvelopeOfStatement } from '../../../contracts/signing.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { createEraser } from '../../../infra/stores/eraser.ts';
import { openForgotten } from '../../../infra/stores/forgotten-store.ts';
import { withRevoked } from '../../../services/signing/change-trust.ts';
import { signStatement, statementIn } from '../../../services/signing/dsse.ts';
import { signForward } from '../../../services/signing/forgetting.ts';
import { withFolder } from '../../support/folder.ts';
import { failureOf } from '../../support/samples.ts';
import { withServer } from '../../support/server.ts';
import { keysIn } from '../../support/signed.ts';

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

test('blob reader: another gallery comes in place of one only by the word of a janitor who is trusted', () =>
  withFolder((folder) =>
    withServer(async ({ url, connect }) => {
      const nc = await connect('forger');
      const { trustFile, signing, verifier, change } = keysIn(folder);
      const [store, forgotten, eraser] = [createBlobStore(nc), await openForgotten(nc), await createEraser(nc)];
      const reader = startBlobReader({ url, source: 'inference', trustFile });
      const put = (run: string) => store.put('MODELS', `face/${run}/gallery.safetensors`, Buffer.from(run));
      const [old, now, other] = [await put('signed'), await put('left'), await put('forged')];
      await eraser.eraseObject(old);
      const read = async (next: BlobRef, statement: EnvelopeOfStatement | null) => {
        await forgotten.forward(old.digest, next, statement);
        return failureOf(reader.get(old));
      };
      const word = signForward(signing, old.digest, now)!;
      assert.match((await read(other, null)).message, /in place of .* is refused: no janitor has signed it/);
      assert.match((await read(other, word)).message, /speaks of something else/);
      assert.match((await read(other, signForward(signing, other.digest, other))).message, /speaks of something else/);
      const strange = signStatement(statementIn(ForgettingStatementSchema, word, 'word'), [verifier]);
      assert.match((await read(now, strange)).message, /by no janitor key that is trusted here/);
      await forgotten.forward(old.digest, now, word);
      assert.is((await reader.get(old)).toString(), 'left');
      change((trust) => withRevoked(trust, 'janitor').trust);
      assert.is((await failureOf(reader.get(old))).code, 'RELEASE_UNTRUSTED');
      await reader.close();
    }),
  ));

test.run();
