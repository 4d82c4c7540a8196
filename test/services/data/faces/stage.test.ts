/** The stage from photograph to face, with a detector of drawn marks: alignment, worst inputs, and each refusal. */
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FaceSettingsSchema, type FaceSettings } from '../../../../contracts/configuration/faces.ts';
import type { ImageSpec } from '../../../../contracts/dataset.ts';
import { withSettings } from '../../../../services/data/faces/file.ts';
import { openFaceStage, type FaceStage } from '../../../../services/data/faces/stage.ts';
import { encodeModel } from '../../../../services/training/onnx/encoding.ts';
import { GraphBuilder } from '../../../../services/training/onnx/graph-builder.ts';
import { BOX_SIDE, drawMarked, markDetector } from '../../../support/marked-faces.ts';
import { failureOf } from '../../../support/samples.ts';

const SPEC: ImageSpec = { width: 64, height: 80, channels: 3 };
const DETECTOR = markDetector();
type Given = Partial<Omit<FaceSettings, 'crop'>>;

async function withStage<T>(settings: Given, use: (stage: FaceStage) => Promise<T>): Promise<T> {
  const stage = await openFaceStage(withSettings(DETECTOR, FaceSettingsSchema.parse(settings), 'marks'), 'marks');
  try {
    return await use(stage);
  } finally {
    await stage.close();
  }
}

const find = (bytes: Uint8Array, settings: Given = {}, spec = SPEC) =>
  withStage(settings, (stage) => stage.find(bytes, spec, 'it'));
const refusal = (bytes: Uint8Array, settings: Given = {}) => failureOf(find(bytes, settings));

/** Middle of what is green, and of what is blue. */
function eyesIn(pixels: Uint8Array, { width, height }: ImageSpec) {
  const area = width * height;
  const middle = (channel: 1 | 2) => {
    let [sum, x, y] = [0, 0, 0];
    for (let at = 0; at < area; at++) {
      const others = pixels[at]! + pixels[(3 - channel) * area + at]!;
      const weight = Math.max(0, pixels[channel * area + at]! - others);
      sum += weight;
      x += weight * ((at % width) + 0.5);
      y += weight * (Math.floor(at / width) + 0.5);
    }
    return { x: x / sum, y: y / sum };
  };
  return [middle(1), middle(2)] as const;
}

function assertEyesInPlace(pixels: Uint8Array, spec = SPEC, tolerance = 1.5) {
  const { eyesApart, eyesDown } = FaceSettingsSchema.parse({}).crop;
  const [one, other] = eyesIn(pixels, spec);
  const wanted = [(spec.width * (1 - eyesApart)) / 2, (spec.width * (1 + eyesApart)) / 2] as const;
  const off = [
    one.x - wanted[0],
    other.x - wanted[1],
    one.y - eyesDown * spec.height,
    other.y - eyesDown * spec.height,
  ];
  assert.ok(
    off.every((by) => Math.abs(by) < tolerance),
    `off by ${off.map((by) => by.toFixed(2)).join(', ')}`,
  );
}

for (const tilt of [0, 25, -40])
  test(`faces: the eyes come to their places, whatever the size, place and tilt of the face (${tilt} degrees)`, async () => {
    const photograph = await drawMarked({ width: 400, height: 300 }, [{ x: 250, y: 120, apart: 70, tilt }]);
    const { pixels, face } = await find(photograph);
    assert.is(pixels.length, 3 * 64 * 80);
    assertEyesInPlace(pixels);
    assert.ok(Math.abs(face.side - BOX_SIDE * 70) < 8, `${face.side}`);
  });

test('faces: a picture that is one face to its edges is found, and its edges go on', async () => {
  const { pixels } = await find(await drawMarked({ width: 100, height: 120 }, [{ x: 50, y: 50, apart: 40 }]));
  assertEyesInPlace(pixels);
});

test('faces: a photograph that lies on its side is turned as EXIF says before the face is looked for', async () => {
  const upright = await drawMarked({ width: 300, height: 400 }, [{ x: 140, y: 150, apart: 60 }]);
  // 6: the camera was turned by 90 degrees, so the stored rows are columns.
  const stored = await sharp(upright).rotate(-90).withMetadata({ orientation: 6 }).jpeg({ quality: 95 }).toBuffer();
  const { width, height } = await sharp(stored).metadata();
  assert.equal([width, height], [400, 300]);
  assertEyesInPlace((await find(stored)).pixels);
});

test('faces: one lying on its side without EXIF is refused', async () => {
  const lying = await sharp(await drawMarked({ width: 300, height: 400 }, [{ x: 140, y: 150, apart: 60 }]))
    .rotate(-90)
    .toBuffer();
  assert.is((await refusal(lying)).code, 'FACE_NOT_FOUND');
});

test('faces: a photograph of 24 megapixels is looked at whole, and sizes are told in its own pixels', async () => {
  const photograph = await sharp(await drawMarked({ width: 1500, height: 1000 }, [{ x: 700, y: 400, apart: 200 }]))
    .resize(6000, 4000)
    .jpeg()
    .toBuffer();
  const { pixels, face } = await find(photograph);
  assertEyesInPlace(pixels);
  assert.ok(Math.abs(face.side - BOX_SIDE * 800) < 80, `${face.side}`);
});

test('faces: grey comes out where the model sees grey, from grey photographs too', async () => {
  const spec = { width: 32, height: 32, channels: 1 } as const;
  const photograph = await drawMarked({ width: 200, height: 200 }, [{ x: 100, y: 80, apart: 40 }]);
  assert.is((await find(photograph, {}, spec)).pixels.length, 32 * 32);
  const grey = await sharp(photograph).toColourspace('b-w').png().toBuffer();
  assert.is((await refusal(grey)).code, 'FACE_NOT_FOUND');
});

test('faces: equal bytes give equal pixels', async () => {
  const photograph = await drawMarked({ width: 200, height: 200 }, [{ x: 100, y: 80, apart: 40, tilt: 10 }]);
  assert.equal((await find(photograph)).pixels, (await find(photograph)).pixels);
});

test('faces: black, white and grey pictures are refused as blank', async () => {
  for (const value of [0, 128, 255]) {
    const background = { r: value, g: value, b: value };
    const blank = await sharp({ create: { width: 200, height: 150, channels: 3, background } })
      .jpeg()
      .toBuffer();
    assert.is((await refusal(blank)).code, 'IMAGE_BLANK', `${value}`);
  }
});

test('faces: a picture with nobody in it is refused', async () => {
  const { code, message, retryable } = await refusal(await drawMarked({ width: 200, height: 200 }, [HEADLESS]));
  assert.is(code, 'FACE_NOT_FOUND');
  assert.match(message, /^it: /);
  assert.not(retryable);
});
/** A head whose eyes lie outside. */
const HEADLESS = { x: -200, y: 100, apart: 220 };

const TWO = [
  { x: 100, y: 100, apart: 32 },
  { x: 300, y: 100, apart: 28 },
];

test('faces: two people side by side are refused, or the larger one is taken', async () => {
  const photograph = await drawMarked({ width: 400, height: 240 }, TWO);
  const { code, message } = await refusal(photograph);
  assert.is(code, 'FACES_SEVERAL');
  assert.match(message, /2 faces/);
  const { pixels, face } = await find(photograph, { onSeveral: 'largest' });
  assertEyesInPlace(pixels);
  assert.ok(Math.abs(face.side - BOX_SIDE * 32) < 6, `${face.side}`);
});

test('faces: somebody small in the background is no second person', async () => {
  const photograph = await drawMarked({ width: 400, height: 240 }, [TWO[0]!, { x: 300, y: 100, apart: 12 }]);
  assertEyesInPlace((await find(photograph)).pixels);
});

test('faces: a face of too few pixels of the photograph is refused with their number', async () => {
  const photograph = await drawMarked({ width: 100, height: 100 }, [{ x: 50, y: 45, apart: 12 }]);
  const { code, message } = await refusal(photograph);
  assert.is(code, 'FACE_TOO_SMALL');
  assert.match(message, /of (2[6-9]|3[0-2]) pixels; at least 40/);
  assertEyesInPlace((await find(photograph, { sizeMin: 20 })).pixels, SPEC, 3);
});

test('faces: a blurred face is refused with its sharpness, and none is where nothing is demanded', async () => {
  const photograph = await drawMarked({ width: 400, height: 300 }, [{ x: 200, y: 130, apart: 80 }]);
  const sharpness = (await find(photograph)).face.sharpness;
  const blurred = await sharp(photograph).blur(10).png().toBuffer();
  const { code, message } = await refusal(blurred, { blurMin: sharpness / 2 });
  assert.is(code, 'FACE_TOO_BLURRED');
  assert.match(message, /sharpness is 0\.0\d+, at least/);
  assert.ok((await find(blurred, { blurMin: 0 })).face.sharpness < sharpness / 2);
});

test('faces: half a file, no image and a file too large are refused as everywhere', async () => {
  const whole = await drawMarked({ width: 300, height: 300 }, [{ x: 150, y: 130, apart: 60 }]);
  assert.is((await refusal(whole.subarray(0, whole.length / 2))).code, 'IMAGE_UNREADABLE');
  assert.is((await refusal(Buffer.from('hello'))).code, 'IMAGE_UNREADABLE');
  assert.is((await refusal(Buffer.alloc(5 * 1024 * 1024))).code, 'IMAGE_TOO_LARGE');
});

test('faces: a graph that gives something else than faces is refused', async () => {
  const g = new GraphBuilder();
  g.output('faces', g.input('images', 'float', [1, 3, 16, 'width']), 'float', [1, 3, 16, 'width']);
  const unfit = withSettings(DETECTOR, FaceSettingsSchema.parse({}), 'marks');
  const opened = failureOf(openFaceStage(encodeModel(g.build('unfit')), 'unfit'));
  assert.is((await opened).code, 'MODEL_INVALID');
  const broken = failureOf(openFaceStage(unfit.subarray(0, unfit.length / 2), 'half'));
  assert.is((await broken).code, 'MODEL_INVALID');
});

test.run();
