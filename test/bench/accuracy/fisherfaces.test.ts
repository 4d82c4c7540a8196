/** Fisherfaces on toy sets whose answer is known. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fitFisherfaces } from '../../../bench/accuracy/fisherfaces.ts';
import { createRandom, normal } from '../../../services/training/random.ts';

const DIMENSIONS = 6;
const CLASS_AXIS = 2;

/**
 * Two classes that differ by 2 along one axis, where images of a class vary little; along axis 0 they vary fifty times
 * as much, and nothing is to be learned from it.
 */
function toySet(perClass: number, seed: number) {
  const random = createRandom(seed);
  const rows = new Float32Array(2 * perClass * DIMENSIONS);
  const classes = Int32Array.from({ length: 2 * perClass }, (_, index) => index % 2);
  classes.forEach((person, index) => {
    for (let axis = 0; axis < DIMENSIONS; axis++) {
      const own = axis === CLASS_AXIS ? 2 * person - 1 : 0;
      rows[index * DIMENSIONS + axis] = own + normal(random) * (axis === 0 ? 10 : 0.2);
    }
  });
  return { rows, classes };
}

test('fisherfaces: finds the axis that tells classes apart under one that varies far more', () => {
  const project = fitFisherfaces(toySet(40, 1));
  const { rows, classes } = toySet(40, 2);
  // Two classes have one axis: a row of length 1 is a sign.
  const signs = [...project(rows)].map(Math.sign);
  assert.equal(signs.length, classes.length);
  assert.is(new Set(signs.filter((_, index) => classes[index] === 0)).size, 1);
  assert.is(new Set(signs.filter((_, index) => classes[index] === 1)).size, 1);
  assert.is.not(signs[0], signs[1]);
});

test('fisherfaces: fewer images than pixels are well-posed', () => {
  const set = toySet(3, 3);
  const project = fitFisherfaces(set);
  const projected = project(set.rows);
  assert.ok(projected.every((value) => Math.abs(Math.abs(value) - 1) < 1e-6));
  assert.equal(
    [...projected].map(Math.sign).map((sign) => sign === Math.sign(projected[0]!)),
    [true, false, true, false, true, false],
  );
});

test('fisherfaces: the same rows give the same projection', () => {
  const set = toySet(10, 4);
  assert.equal(fitFisherfaces(set)(set.rows), fitFisherfaces(set)(set.rows));
});

test.run();
