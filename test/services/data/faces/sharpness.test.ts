/** Sharpness: what changes it and what does not. */
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sharpnessOf, variance } from '../../../../services/data/faces/sharpness.ts';
import { createRandom } from '../../../../services/training/random.ts';

const SIDE = 32;
const random = createRandom(9);
const spots = Uint8Array.from({ length: SIDE * SIDE }, () => 60 + Math.floor(100 * random()));
const coloured = (grey: Uint8Array) =>
  Uint8Array.from({ length: 3 * grey.length }, (_, at) => grey[Math.floor(at / 3)]!);
const of = (grey: Uint8Array) => sharpnessOf({ data: coloured(grey), width: SIDE, height: SIDE });

test('sharpness: one colour has none', () => assert.is(of(new Uint8Array(SIDE * SIDE).fill(90)), 0));

test('sharpness: a chequered board has the most, sixty-four times its contrast', () => {
  const board = Uint8Array.from({ length: SIDE * SIDE }, (_, at) => (((at % SIDE) + Math.floor(at / SIDE)) % 2) * 200);
  // The Laplacian is 4 * 200 either way, and the contrast 100 either way.
  assert.ok(Math.abs(of(board) - 64) < 1e-6, `${of(board)}`);
});

test('sharpness: less light and less contrast do not change it', () => {
  const dim = spots.map((value) => (value - 60) / 2 + 20);
  assert.ok(Math.abs(of(dim) / of(spots) - 1) < 0.02);
});

test('sharpness: the more a picture is blurred the less is left', async () => {
  const blurred = (sigma: number) =>
    sharp(spots, { raw: { width: SIDE, height: SIDE, channels: 1 } })
      .blur(sigma)
      .toColourspace('b-w')
      .raw()
      .toBuffer();
  const values = [of(spots), of(await blurred(0.7)), of(await blurred(1.5)), of(await blurred(3))];
  assert.equal(
    values,
    values.toSorted((a, b) => b - a),
  );
  assert.ok(values[3]! < values[0]! / 50, values.join());
});

test('variance: by hand', () => {
  assert.is(variance([1, 3]), 1);
  assert.is(variance([2, 2, 2]), 0);
});

test.run();
