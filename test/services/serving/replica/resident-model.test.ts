import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../../contracts/blobs.ts';
import type { ModelPair } from '../../../../contracts/release.ts';
import { checkGolden, readGolden, takeGolden, writeGolden } from '../../../../services/serving/host/golden.ts';
import { createModelHost } from '../../../../services/serving/host/model-host.ts';
import { loadResident } from '../../../../services/serving/replica/resident-model.ts';
import { failureOf } from '../../../support/failures.ts';
import { withFolderBlobs } from '../../../support/folder-blobs.ts';
import { isAlive, seeProcesses } from '../../../support/host-processes.ts';
import { digestOf, storeTinyPair, TINY_HOST, tinySplit } from '../../../support/tiny-data.ts';
import { TINY_IMAGE, tinyModel } from '../../../support/tiny-model.ts';

/** Loads a pair; `processes` tells which were taken for it. No process is left when it is refused. */
function load(blobs: BlobStore, pair: ModelPair) {
  const processes = seeProcesses();
  const loadAndClose = async () => {
    try {
      return await loadResident({ pair, blobs, options: TINY_HOST, processes });
    } finally {
      await processes.close();
    }
  };
  return { processes, resident: loadAndClose() };
}

test('golden samples: they are read as written, and their own model passes them', async () => {
  const host = await createModelHost({ model: tinyModel(), image: TINY_IMAGE, ...TINY_HOST });
  try {
    const golden = await takeGolden(host, tinySplit(40, 5));
    assert.is(golden.count, 8);
    const stored = readGolden(writeGolden(golden), 'g');
    assert.equal(stored, golden);
    await checkGolden(host, stored);
  } finally {
    await host.close();
  }
});

test('golden samples: another model is MODEL_MISMATCH, and the message names the difference', async () => {
  const host = await createModelHost({ model: tinyModel({ seed: 2 }), image: TINY_IMAGE, ...TINY_HOST });
  try {
    const golden = await takeGolden(host, tinySplit(8, 5));
    const off = { ...golden, embeddings: golden.embeddings.map((x) => x + 0.002) };
    const failure = await failureOf(checkGolden(host, off));
    assert.is(failure.code, 'MODEL_MISMATCH');
    assert.match(failure.message, /differ by 2\.00e-3, at most 0\.001/);
    const infinite = { ...golden, embeddings: golden.embeddings.map(() => NaN) };
    assert.is((await failureOf(checkGolden(host, infinite))).code, 'MODEL_MISMATCH');
  } finally {
    await host.close();
  }
});

test('resident model: a stored pair loads, warm and checked', () =>
  withFolderBlobs(async (blobs) => {
    const pair = await storeTinyPair(blobs, { runId: 'r1' });
    const resident = await load(blobs, pair).resident;
    assert.is(resident.modelDigest, pair.model.digest);
    assert.is(resident.people.count, 5);
    assert.equal(resident.image, TINY_IMAGE);
    await resident.host.close();
  }));

test('resident model: a gallery of another model is refused before anything is started', () =>
  withFolderBlobs(async (blobs) => {
    const one = await storeTinyPair(blobs, { runId: 'r1', seed: 1 });
    const two = await storeTinyPair(blobs, { runId: 'r2', seed: 2 });
    const { processes, resident } = load(blobs, { ...one, gallery: two.gallery });
    const failure = await failureOf(resident);
    assert.is(failure.code, 'MODEL_MISMATCH');
    assert.ok(failure.message.includes(two.model.digest));
    assert.is(processes.taken.length, 0);
  }));

test('resident model: golden samples of another model are refused, and the host is ended', () =>
  withFolderBlobs(async (blobs) => {
    const one = await storeTinyPair(blobs, { runId: 'r1', seed: 1 });
    const two = await storeTinyPair(blobs, { runId: 'r2', seed: 2 });
    const { processes, resident } = load(blobs, { ...one, golden: two.golden });
    assert.is((await failureOf(resident)).code, 'MODEL_MISMATCH');
    assert.is(processes.taken.length, 1);
    assert.not(isAlive(processes.taken[0]!.pid));
  }));

test("resident model: other bytes than the gallery's model and a missing blob are refused", () =>
  withFolderBlobs(async (blobs) => {
    const pair = await storeTinyPair(blobs, { runId: 'r1' });
    const rubbish = { ...pair.model, ...(await blobs.put('MODELS', 'rubbish', Buffer.from('rubbish'))) };
    const failure = await failureOf(load(blobs, { ...pair, model: rubbish }).resident);
    assert.is(rubbish.digest, digestOf(Buffer.from('rubbish')));
    assert.is(failure.code, 'MODEL_MISMATCH', 'its gallery belongs to another digest');
    const missing = { ...pair, golden: { ...pair.golden, key: 'pruned' } };
    assert.is((await failureOf(load(blobs, missing).resident)).code, 'BLOB_MISSING');
  }));

test.run();
