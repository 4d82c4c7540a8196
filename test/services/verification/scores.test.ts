import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evenSample } from '../../../services/verification/scores.ts';

test('scores: a sample is about as large as wanted, and comes from all columns', () => {
  const [people, total] = [10, 1000];
  const isKept = evenSample(total, people, 100);
  const kept = Array.from({ length: total }, (_, index) => index).filter(isKept);
  assert.ok(kept.length <= 100 && kept.length > 50, `${kept.length}`);
  assert.is(new Set(kept.map((index) => index % people)).size, people);
});

test('scores: all are kept where there are few', () => {
  const isKept = evenSample(7, 3, 100);
  assert.ok([0, 1, 2, 3, 4, 5, 6].every(isKept));
});

test.run();
