/** Augmentation of an image, seen on 16 x 16 toys. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { augmentImages, type Augment } from '../../../../services/training/input/pixels.ts';
import { createRandom } from '../../../../services/training/random.ts';
import { toyImages } from '../toy.ts';

const SIDE = 16;
const AREA = SIDE * SIDE;
const UNCHANGED: Augment = { flip: false, shiftPx: 0, brightness: 0, contrast: 0, cutoutPx: 0 };

/** `count` images, each made of the same toy, in a list. */
function distorted(count: number, augment: Partial<Augment>, one = toyImages(1, 1).pixels.subarray(0, AREA)) {
  const pixels = new Uint8Array(count * AREA);
  for (let image = 0; image < count; image++) pixels.set(one, image * AREA);
  const images = new Float32Array(pixels.length);
  const spec = { width: SIDE, height: SIDE, channels: 1 } as const;
  augmentImages(pixels, images, spec, { ...UNCHANGED, ...augment }, createRandom(1));
  return Array.from({ length: count }, (_, image) => images.subarray(image * AREA, (image + 1) * AREA));
}

const plain = distorted(1, {})[0]!;

test('augmentation: an undistorted image is normalised', () => {
  const mean = plain.reduce((sum, value) => sum + value, 0) / AREA;
  const variance = plain.reduce((sum, value) => sum + (value - mean) ** 2, 0) / AREA;
  assert.ok(Math.abs(mean) < 1e-6 && Math.abs(variance - 1) < 0.01, `mean ${mean}, variance ${variance}`);
});

test('augmentation: a blank image stays blank', () => {
  const blank = distorted(1, {}, new Uint8Array(AREA).fill(200))[0]!;
  assert.ok(blank.every((value) => value === 0));
});

test('augmentation: flipping mirrors the rows of about half of the images', () => {
  const mirrored = plain.map((_, at) => plain[at - (at % SIDE) + SIDE - 1 - (at % SIDE)]!);
  const images = distorted(200, { flip: true });
  const flips = images.filter((image) => image[0] !== plain[0]).length;
  for (const image of images) assert.equal(image, image[0] === plain[0] ? plain : mirrored);
  assert.ok(flips > 70 && flips < 130, `${flips} of 200`);
});

test('augmentation: a shift moves by whole pixels and repeats the edge', () => {
  const clamp = (value: number) => Math.min(SIDE - 1, Math.max(0, value));
  const shifted = (dx: number, dy: number) =>
    plain.map((_, at) => plain[clamp(Math.floor(at / SIDE) + dy) * SIDE + clamp((at % SIDE) + dx)]!);
  const candidates = Array.from({ length: 25 }, (_, n) => shifted((n % 5) - 2, Math.floor(n / 5) - 2).join());
  const seen = distorted(40, { shiftPx: 2 }).map((image) => candidates.indexOf(image.join()));
  assert.ok(seen.every((candidate) => candidate >= 0));
  assert.ok(new Set(seen).size > 10);
});

test('augmentation: contrast scales and brightness adds, each within its bound', () => {
  for (const image of distorted(50, { contrast: 0.3 })) {
    const gain = image[0]! / plain[0]!;
    assert.ok(gain >= 0.7 && gain <= 1.3, `gain ${gain}`);
    image.forEach((value, at) => assert.ok(Math.abs(value - plain[at]! * gain) < 1e-5));
  }
  const lifts = distorted(50, { brightness: 0.3 }).map((image) => {
    const lift = image[0]! - plain[0]!;
    image.forEach((value, at) => assert.ok(Math.abs(value - plain[at]! - lift) < 1e-5));
    return lift;
  });
  assert.ok(Math.max(...lifts) > 0.2 && Math.max(...lifts) <= 0.3 + 1e-6);
  assert.ok(Math.min(...lifts) < -0.2 && Math.min(...lifts) >= -0.3 - 1e-6);
});

test('augmentation: a cutout paints one square, whole or cut off by the edge, and nothing else', () => {
  const sizes = distorted(100, { cutoutPx: 6 }).map((image) => {
    const painted = [...image.keys()].filter((at) => image[at] === 0 && plain[at] !== 0);
    const [xs, ys] = [painted.map((at) => at % SIDE), painted.map((at) => Math.floor(at / SIDE))];
    const [width, height] = [xs, ys].map((values) => Math.max(...values) - Math.min(...values) + 1);
    assert.is(painted.length, width! * height!);
    image.forEach((value, at) => assert.ok(painted.includes(at) || value === plain[at]));
    return painted.length;
  });
  assert.is(Math.max(...sizes), 36);
  assert.ok(Math.min(...sizes) < 36);
});

test('augmentation: switching one distortion on leaves the draws of the others', () => {
  const all = { flip: true, shiftPx: 3 };
  const [without, cut] = [distorted(20, all), distorted(20, { ...all, cutoutPx: 4 })];
  for (const [index, image] of cut.entries())
    image.forEach((value, at) => assert.ok(value === 0 || value === without[index]![at]));
});

test.run();
