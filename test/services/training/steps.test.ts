/** The parts of a training step that are not in the graph: the learning rate and the batches. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBatch } from '../../../services/training/pixels.ts';
import { createRandom } from '../../../services/training/random.ts';
import { learningRateAt } from '../../../services/training/schedule.ts';
import { toyImages } from './toy.ts';

const UNCHANGED = { flip: false, shiftPx: 0, brightness: 0 };

test('schedule: it rises over a twentieth, then falls to a twentieth of the full rate', () => {
  const rates = Array.from({ length: 200 }, (_, step) => learningRateAt(step, 200, 1));
  assert.is(rates[0], 0.1);
  assert.is(rates[9], 1);
  assert.is(rates[10], 1);
  assert.ok(Math.abs(rates[199]! - 0.05) < 1e-12);
  for (let step = 11; step < 200; step++) assert.ok(rates[step]! < rates[step - 1]!);
});

test('schedule: a training of one step takes it at the full rate', () => {
  assert.is(learningRateAt(0, 1, 1), 1);
});

test('batches: undistorted images are normalised, and keep their class', () => {
  const set = toyImages(2, 1);
  const { images, classes } = makeBatch(set, Int32Array.of(6, 1), UNCHANGED, createRandom(1));
  assert.equal([...classes], [2, 1]);
  for (const image of [images.subarray(0, 256), images.subarray(256)]) {
    const mean = image.reduce((sum, value) => sum + value, 0) / 256;
    const variance = image.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 256;
    assert.ok(Math.abs(mean) < 1e-6 && Math.abs(variance - 1) < 0.01, `mean ${mean}, variance ${variance}`);
  }
});

test('batches: a blank image stays blank', () => {
  const set = { ...toyImages(1, 1), pixels: new Uint8Array(4 * 256).fill(200) };
  const { images } = makeBatch(set, Int32Array.of(0), UNCHANGED, createRandom(1));
  assert.ok(images.every((value) => value === 0));
});

test('batches: flipping mirrors the rows of about half of the images', () => {
  const set = toyImages(1, 1);
  const indices = new Int32Array(200);
  const { images } = makeBatch(set, indices, { ...UNCHANGED, flip: true }, createRandom(1));
  const { images: plain } = makeBatch(set, Int32Array.of(0), UNCHANGED, createRandom(1));
  const mirrored = plain.map((_, at) => plain[at - (at % 16) + 15 - (at % 16)]!);
  let flips = 0;
  for (let i = 0; i < 200; i++) {
    const image = images.slice(i * 256, (i + 1) * 256);
    if (image[0] !== plain[0]) flips += 1;
    assert.equal(image, image[0] === plain[0] ? plain : mirrored);
  }
  assert.ok(flips > 70 && flips < 130, `${flips} of 200`);
});

test('batches: a shift moves by whole pixels and repeats the edge', () => {
  const set = toyImages(1, 1);
  const plain = makeBatch(set, Int32Array.of(0), UNCHANGED, createRandom(1)).images;
  const { images } = makeBatch(set, new Int32Array(40), { ...UNCHANGED, shiftPx: 2 }, createRandom(1));
  const clamp = (value: number) => Math.min(15, Math.max(0, value));
  const shifted = (dx: number, dy: number) =>
    plain.map((_, at) => plain[clamp(Math.floor(at / 16) + dy) * 16 + clamp((at % 16) + dx)]!);
  const candidates = Array.from({ length: 25 }, (_, n) => shifted((n % 5) - 2, Math.floor(n / 5) - 2).join());
  const seen = Array.from({ length: 40 }, (_, i) => candidates.indexOf(images.subarray(i * 256, (i + 1) * 256).join()));
  assert.ok(seen.every((candidate) => candidate >= 0));
  assert.ok(new Set(seen).size > 10);
});

test.run();
