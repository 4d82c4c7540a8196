import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../../contracts/blobs.ts';
import { FaceSettingsSchema } from '../../../../contracts/configuration/faces.ts';
import type { ModelPair } from '../../../../contracts/release.ts';
import { withSettings } from '../../../../services/data/faces/file.ts';
import { prepareImage } from '../../../../services/data/faces/prepare.ts';
import { encodePng } from '../../../../services/data/images.ts';
import { checkGolden, readGolden, takeGolden, writeGolden } from '../../../../services/serving/host/golden.ts';
import { createModelHost } from '../../../../services/serving/host/model-host.ts';
import { createFigures } from '../../../../services/serving/replica/figures.ts';
import { recognise } from '../../../../services/serving/replica/recognise.ts';
import type { Served } from '../../../../services/serving/replica/replica.ts';
import { loadResident, type ResidentModel } from '../../../../services/serving/replica/resident-model.ts';
import { failureOf } from '../../../support/failures.ts';
import { withFolderBlobs } from '../../../support/folder-blobs.ts';
import { isAlive, seeProcesses } from '../../../support/host-processes.ts';
import { drawMarked, markDetector } from '../../../support/marked-faces.ts';
import { testPng } from '../../../support/samples.ts';
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

const EMBED = {
  verb: 'embed',
  input: 'file',
  person: null,
  minRelease: 0,
  seenRelease: 0,
  minEnrolment: 0,
  header: () => null,
} as const;

const servedBy = (resident: ResidentModel): Served => ({ release: 1, resident, figures: createFigures() });

test('resident model: a pair with a detector finds the face in a photograph, and without one takes it whole', () =>
  withFolderBlobs(async (blobs) => {
    const settings = FaceSettingsSchema.parse({});
    const faces = await blobs.put('MODELS', 'faces/f.onnx', withSettings(markDetector(), settings, 'marks'));
    const pair = await storeTinyPair(blobs, { runId: 'r1' });
    const [plain, looking] = [await load(blobs, pair).resident, await load(blobs, { ...pair, faces }).resident];
    assert.is(plain.faces, null);
    const photograph = await drawMarked({ width: 200, height: 150 }, [{ x: 120, y: 60, apart: 40 }]);
    const ask = (resident: ResidentModel, image: Uint8Array) =>
      recognise(servedBy(resident), { ...EMBED, image, deadlineMs: performance.now() + 60_000 });
    const embedding = async (...given: Parameters<typeof ask>) => {
      const reply = await ask(...given);
      return 'embedding' in reply ? reply.embedding : null;
    };
    const cut = await prepareImage(photograph, TINY_IMAGE, looking.faces, 'it');
    assert.equal(await embedding(looking, photograph), await embedding(plain, await encodePng(cut, TINY_IMAGE)));
    const nobody = await testPng('nobody', 40);
    assert.is((await failureOf(ask(looking, nobody))).code, 'FACE_NOT_FOUND');
    assert.is((await embedding(plain, nobody))?.length, 8);
    await Promise.all([plain.close(), looking.close()]);
  }));

test('resident model: a pair whose detector is none is refused, and no process is left', () =>
  withFolderBlobs(async (blobs) => {
    const faces = await blobs.put('MODELS', 'faces/f.onnx', Buffer.from('none'));
    const { processes, resident } = load(blobs, { ...(await storeTinyPair(blobs, { runId: 'r1' })), faces });
    assert.is((await failureOf(resident)).code, 'MODEL_INVALID');
    assert.ok(processes.taken.every(({ pid }) => !isAlive(pid)));
  }));

test.run();
