/** The figures of the accuracy bench from rows with known answers. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rank1ByImage, rank1ByMean, verifyPairs, type Embedded } from '../../../bench/support/comparison.ts';

/** Rows of length 1 in the plane, by their angles in degrees. */
function at(angles: readonly number[], classes: readonly number[]): Embedded {
  const rows = Float32Array.from(
    angles.flatMap((angle) => [Math.cos, Math.sin].map((f) => f((angle * Math.PI) / 180))),
  );
  const labels = [...new Set(classes)].map((person) => `person ${person}`);
  return { rows, images: { classes: Int32Array.from(classes), labels, count: classes.length } };
}

test('accuracy bench: the nearest image and the nearest mean can name different people', () => {
  // Person 0 was seen from two sides, with person 1 between them.
  const enrolled = at([0, 100, 60, 62], [0, 0, 1, 1]);
  const probes = at([95, 50], [0, 1]);
  assert.is(rank1ByImage(enrolled, probes), 1);
  assert.is(rank1ByMean(enrolled, probes), 0);
});

test('accuracy bench: pairs are judged by their angle', () => {
  const apart = verifyPairs(at([0, 5, 90, 95], [0, 0, 1, 1]));
  assert.equal(apart, { auc: 1, tar1e2: 1 });
  // The genuine pairs (90 degrees) lie beyond every other pair but one.
  const mixed = verifyPairs(at([0, 90, 10, 100], [0, 0, 1, 1]));
  assert.is(mixed.tar1e2, 0);
  assert.is(mixed.auc, 0.25);
});

test.run();
