/** Pairs of people whom a model takes for most alike: the nearest first, with their nearest images, each pair once. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { normalise } from '../../../services/serving/gallery/gallery.ts';
import { mostAlike } from '../../../services/verification/alike.ts';

const SIGNAL = new AbortController().signal;

/** Each image as an angle in the plane. */
function setOf(images: readonly (readonly [person: string, degrees: number])[]) {
  const labels = [...new Set(images.map(([person]) => person))];
  const rows = Float32Array.from(
    images.flatMap(([, degrees]) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]),
  );
  return {
    rows,
    images: { labels, count: images.length, classes: Int32Array.from(images, ([it]) => labels.indexOf(it)) },
  };
}

test('alike: pairs by their rows, the nearest first, with the two images that are nearest', async () => {
  const { rows, images } = setOf([
    ['ada', 0],
    ['ada', 20],
    ['ben', 90],
    ['ben', 40],
    ['cleo', 180],
  ]);
  const pairs = await mostAlike(rows, images, SIGNAL);
  assert.equal(
    pairs.map(({ images: [one, other] }) => [one, other]),
    [
      [1, 3],
      [2, 4],
      [1, 4],
    ],
  );
  assert.ok(Math.abs(pairs[0]!.score - Math.cos((55 * Math.PI) / 180)) < 1e-5, String(pairs[0]!.score));
});

test('alike: a dozen pairs at most, and none of one person alone', async () => {
  const many = setOf(Array.from({ length: 30 }, (_, at) => [`p${at}`, at] as const));
  const pairs = await mostAlike(many.rows, many.images, SIGNAL);
  assert.is(pairs.length, 12);
  assert.is(new Set(pairs.map(({ images: pair }) => [...pair].sort((a, b) => a - b).join('-'))).size, 12);
  assert.ok(pairs.every(({ images: [one, other] }) => Math.abs(one - other) === 1));
  const one = setOf([
    ['ada', 0],
    ['ada', 10],
  ]);
  assert.equal(await mostAlike(one.rows, one.images, SIGNAL), []);
});

test('alike: of very many people some are compared with all, and the nearest of these are found', async () => {
  const count = 6_000;
  const dimensions = 8;
  const rows = new Float32Array(count * dimensions);
  let state = 1;
  for (let at = 0; at < rows.length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    rows[at] = (state >>> 8) / 2 ** 24 - 0.5;
  }
  for (let row = 0; row < count; row++) normalise(rows.subarray(row * dimensions, (row + 1) * dimensions));
  // Two people are one; one of them is drawn, for every second is.
  rows.copyWithin(4_001 * dimensions, 1_000 * dimensions, 1_001 * dimensions);
  const images = {
    labels: Array.from({ length: count }, (_, at) => `p${at}`),
    count,
    classes: Int32Array.from(Array(count).keys()),
  };
  const [first] = await mostAlike(rows, images, SIGNAL);
  assert.equal(first!.images, [1_000, 4_001]);
});

test.run();
