/** Candidates that cannot be put into memory, each for another reason: the release in service goes on, the saga hears why. */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../contracts/blobs.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import type { ModelPair } from '../../../contracts/release.ts';
import { announce, withdraw } from '../../../services/deployment/records.ts';
import { readGallery, writeGallery } from '../../../services/serving/gallery/gallery.ts';
import { ask, faceOf, MODEL, statusOf, withReplicas } from '../../support/replicas.ts';
import { storeTinyPair } from '../../support/tiny-data.ts';
import { until } from '../../support/wait.ts';

/** The pair with other model bytes; its gallery claims to be of them, so that it is not refused for that first. */
async function withModel(blobs: BlobStore, pair: ModelPair, bytes: Uint8Array): Promise<ModelPair> {
  const model = await blobs.put('MODELS', `${pair.runId}/changed.onnx`, bytes);
  const { gallery } = readGallery(await blobs.get(pair.gallery), 'gallery');
  const claimed = writeGallery({ gallery, modelDigest: model.digest });
  return { ...pair, model, gallery: await blobs.put('MODELS', `${pair.runId}/changed`, claimed) };
}

const FULL_DISK = 'full-disk';
const CASES: Readonly<Record<string, (blobs: BlobStore, pair: ModelPair) => Promise<[ModelPair, RegExp]>>> = {
  'cut-off': async (blobs, pair) => {
    const bytes = await blobs.get(pair.model);
    return [await withModel(blobs, pair, bytes.subarray(0, bytes.length >> 1)), /^MODEL_INVALID: .*not an ONNX model/];
  },
  'wrong-digest': async (_, pair) => {
    const digest = `sha256:${createHash('sha256').update('something else').digest('hex')}`;
    return [{ ...pair, model: { ...pair.model, digest } }, /^BLOB_CORRUPT: .*was asked for/];
  },
  'other-answers': async (blobs, pair) => {
    const { model } = await storeTinyPair(blobs, { runId: 'other', seed: 9 });
    return [await withModel(blobs, pair, await blobs.get(model)), /^MODEL_MISMATCH: golden samples/];
  },
  [FULL_DISK]: async (_, pair) => [pair, /^DISK_FULL: /],
};

test('inference: if a candidate cannot come into memory, the old release serves on and the reason is reported', () =>
  withReplicas(async (context) => {
    const full = new PipelineError('DISK_FULL', 'no room for a model', { retryable: true });
    const { get } = context.blobs;
    const blobs = {
      ...context.blobs,
      get: (ref: ModelPair['model']) => (ref.key.startsWith(FULL_DISK) ? Promise.reject(full) : get(ref)),
    };
    await context.start('r1', { blobs });
    await context.deploy({ runId: 'run1' });
    for (const [runId, change] of Object.entries(CASES)) {
      const stored = await storeTinyPair(context.blobs, { runId, seed: 2 });
      const [pair, reason] = await change(context.blobs, stored);
      await context.change((record) => announce(record, pair, runId, MODEL));
      const prepared = await until(async () => {
        const said = (await statusOf(context, 'r1'))?.prepared;
        return said?.runId === runId && said;
      }, `an answer on ${runId}`);
      assert.match(prepared.refused ?? 'it was prepared', reason);
      assert.is((await ask(context.nc, 'identify', await faceOf(1))).body.release, 1);
      await context.change((record) => withdraw(record!, runId));
    }
  }));

test.run();
