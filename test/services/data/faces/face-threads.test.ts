/** Threads that find faces: same answers as without, order, deadlines, limits and ends. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FaceSettingsSchema } from '../../../../contracts/configuration/faces.ts';
import { openFaces, type Faces } from '../../../../services/data/faces/face-threads.ts';
import { withSettings } from '../../../../services/data/faces/file.ts';
import { prepareImage } from '../../../../services/data/faces/prepare.ts';
import { openFaceStage } from '../../../../services/data/faces/stage.ts';
import { decodeImage } from '../../../../services/data/images.ts';
import sharp from 'sharp';
import { drawMarked, markDetector } from '../../../support/marked-faces.ts';
import { failureOf, testPng } from '../../../support/samples.ts';

const SPEC = { width: 24, height: 24, channels: 1 } as const;
const FILE = withSettings(markDetector(), FaceSettingsSchema.parse({}), 'marks');

async function withFaces<T>(threads: number, use: (faces: Faces) => Promise<T>): Promise<T> {
  const faces = await openFaces(FILE, threads);
  try {
    return await use(faces);
  } finally {
    await faces.close();
  }
}

const photograph = (x: number) => drawMarked({ width: 200, height: 150 }, [{ x, y: 60, apart: 40 }]);

test('face threads: many photographs at once, each with its own answer', () =>
  withFaces(2, async (faces) => {
    const stage = await openFaceStage(FILE, 'marks');
    const photographs = await Promise.all([60, 80, 100, 120, 140].map(photograph));
    const found = await Promise.all(photographs.map((bytes, at) => faces.find(bytes, SPEC, `${at}`)));
    for (const [at, bytes] of photographs.entries()) {
      const { pixels, face } = await stage.find(bytes, SPEC, `${at}`);
      assert.equal(found[at], { pixels: new Uint8Array(pixels), face });
    }
    await stage.close();
  }));

test('face threads: a refusal keeps its code and name, and the thread goes on', () =>
  withFaces(1, async (faces) => {
    const [refused, found] = [
      faces.find(await testPng('noise', 64), SPEC, 'ada/1'),
      faces.find(await photograph(90), SPEC, 'b'),
    ];
    const { code, message, retryable } = await failureOf(refused);
    assert.equal([code, retryable], ['FACE_NOT_FOUND', false]);
    assert.match(message, /^ada\/1: /);
    assert.is((await found).pixels.length, 24 * 24);
  }));

test('face threads: a photograph whose deadline passes while others are looked at is not looked at', () =>
  withFaces(1, async (faces) => {
    const bytes = await photograph(90);
    const first = faces.find(bytes, SPEC, 'first');
    const late = failureOf(faces.find(bytes, SPEC, 'late', performance.now() - 1));
    assert.is((await late).code, 'DEADLINE_EXCEEDED');
    assert.ok((await late).retryable);
    await first;
  }));

test('face threads: one more than may wait is turned away at once', () =>
  withFaces(1, async (faces) => {
    const bytes = await testPng('noise', 16);
    const asked = Array.from({ length: 257 }, (_, at) => failureOf(faces.find(bytes, SPEC, `${at}`)));
    assert.is((await failureOf(faces.find(bytes, SPEC, 'more'))).code, 'OVERLOADED');
    assert.ok((await Promise.all(asked)).every(({ code }) => code === 'FACE_NOT_FOUND'));
  }));

test('face threads: at the end all that wait are told, and so is everybody later', async () => {
  const faces = await openFaces(FILE);
  const bytes = await photograph(90);
  const underWay = faces.find(bytes, SPEC, 'under way');
  const waiting = failureOf(faces.find(bytes, SPEC, 'waiting'));
  await faces.close();
  assert.is((await waiting).code, 'HOST_FAILED');
  assert.is((await underWay).pixels.length, 24 * 24);
  assert.is((await failureOf(faces.find(bytes, SPEC, 'later'))).code, 'HOST_FAILED');
});

test('face threads: a file that is no detector is refused, and no thread stays', async () => {
  const failure = await failureOf(openFaces(Buffer.from('hello'), 3));
  assert.is(failure.code, 'MODEL_INVALID');
});

test('prepare: without faces a picture is stretched as a whole, and a blank one is refused', async () => {
  const bytes = await testPng('ada');
  assert.equal(await prepareImage(bytes, SPEC, null, 'it'), await decodeImage(bytes, SPEC, 'it'));
  const nearly = (noise: number) =>
    sharp(Buffer.from(Array.from({ length: 400 }, (_, at) => 30 + (at % 2) * noise)), {
      raw: { width: 20, height: 20, channels: 1 },
    })
      .png()
      .toBuffer();
  const size = { width: 20, height: 20, channels: 1 } as const;
  assert.is((await failureOf(prepareImage(await nearly(3), size, null, 'it'))).code, 'IMAGE_BLANK');
  assert.is((await prepareImage(await nearly(12), size, null, 'it')).length, 400);
});

test('prepare: with faces it is the face', () =>
  withFaces(1, async (faces) => {
    const bytes = await photograph(100);
    assert.equal(await prepareImage(bytes, SPEC, faces, 'it'), (await faces.find(bytes, SPEC, 'it')).pixels);
    assert.is((await failureOf(prepareImage(await testPng('x', 32), SPEC, faces, 'it'))).code, 'FACE_NOT_FOUND');
  }));

test.run();
