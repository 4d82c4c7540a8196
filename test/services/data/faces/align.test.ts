/** The similarity by the eyes, and pixels cut out by it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cutOut, similarityFor, type Pixels, type Similarity } from '../../../../services/data/faces/align.ts';
import type { Face } from '../../../../services/data/faces/candidates.ts';
import { createRandom } from '../../../../services/training/random.ts';

const CROP = { eyesApart: 0.4, eyesDown: 0.3 };
const SIZE = { width: 100, height: 50 };

const withEyes = (...[ax, ay, bx, by]: readonly [number, number, number, number]): Face => ({
  ...{ score: 1, left: 0, top: 0, right: 1, bottom: 1 },
  eyes: [
    { x: ax, y: ay },
    { x: bx, y: by },
  ],
});

const shown = ({ a, b, left, top }: Similarity, x: number, y: number) => [a * x - b * y + left, b * x + a * y + top];
const isNear = (found: readonly number[], wanted: readonly number[]) =>
  assert.ok(
    found.every((value, at) => Math.abs(value - wanted[at]!) < 1e-9),
    `${found.join()} for ${wanted.join()}`,
  );

/** Red counts columns, green rows, blue is noise. */
function chart(width: number, height: number): Pixels {
  const random = createRandom(3);
  const data = Uint8Array.from({ length: 3 * width * height }, (_, at) => {
    const pixel = Math.floor(at / 3);
    if (at % 3 === 2) return Math.floor(256 * random());
    return 10 * (at % 3 === 0 ? pixel % width : Math.floor(pixel / width));
  });
  return { data, width, height };
}

const STILL: Similarity = { a: 1, b: 0, left: 0, top: 0 };

test('align: the places of the eyes show the eyes, however they lie', () => {
  const random = createRandom(5);
  for (let round = 0; round < 20; round++) {
    const eyes = Array.from({ length: 4 }, () => 400 * random()) as [number, number, number, number];
    const similarity = similarityFor(withEyes(...eyes), CROP, SIZE);
    isNear(shown(similarity, 30, 15), eyes.slice(0, 2));
    isNear(shown(similarity, 70, 15), eyes.slice(2));
  }
});

test('align: a face that stands on its head is turned', () => {
  const similarity = similarityFor(withEyes(200, 100, 160, 100), CROP, SIZE);
  isNear(shown(similarity, 50, 15), [180, 100]);
  isNear(shown(similarity, 50, 35), [180, 80]);
});

test('align: nothing to do gives the very pixels', () => {
  const picture = chart(7, 5);
  assert.equal(cutOut(picture, STILL, 7, 5), picture);
});

test('align: a shift and a quarter turn move pixels whole', () => {
  const picture = chart(7, 5);
  const part = cutOut(picture, { ...STILL, left: 2, top: 1 }, 3, 2);
  assert.equal(
    [...part.data].filter((_, at) => at % 3 === 0),
    [20, 30, 40, 20, 30, 40],
  );
  // The result's columns go down the picture.
  const turned = cutOut(picture, { a: 0, b: 1, left: 7, top: 0 }, 5, 7);
  assert.equal(
    [...turned.data.subarray(0, 15)].filter((_, at) => at % 3 === 1),
    [0, 10, 20, 30, 40],
  );
  assert.equal(
    [...turned.data.subarray(0, 15)].filter((_, at) => at % 3 === 0),
    [60, 60, 60, 60, 60],
  );
});

test('align: between pixels it is their mean, by nearness', () => {
  const part = cutOut(chart(7, 5), { ...STILL, left: 0.25, top: 0 }, 1, 1);
  assert.equal([part.data[0], part.data[1]], [Math.round(2.5), 0]);
});

test('align: where the result is smaller every pixel has its share', () => {
  const data = new Uint8Array(3 * 64).map((_, at) => ((Math.floor(at / 3) + Math.floor(at / 24)) % 2 === 0 ? 0 : 200));
  const small = cutOut({ data, width: 8, height: 8 }, { a: 8, b: 0, left: 0, top: 0 }, 1, 1);
  assert.ok(Math.abs(small.data[0]! - 100) < 6, `${small.data[0]}`);
});

test('align: beyond the picture its edge goes on', () => {
  const outside = cutOut(chart(7, 5), { ...STILL, left: -20, top: 100 }, 2, 2);
  assert.equal([...outside.data.subarray(0, 2)], [0, 40]);
});

test.run();
