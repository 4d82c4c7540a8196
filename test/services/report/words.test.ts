import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { consequence, count, number, percent, percentOrDash, points } from '../../../services/report/words.ts';

test('words: a share has two digits below ten percent and a tenth above; 100 % is only said of all', () => {
  assert.equal([0, 0.00125, 0.0083, 0.1, 0.8642, 0.9996, 1].map(percent), [
    '0 %',
    '0.13 %',
    '0.83 %',
    '10 %',
    '86.4 %',
    '> 99.9 %',
    '100 %',
  ]);
  assert.is(percentOrDash(null), '-');
});

test('words: a difference has its sign, also if it is none', () => {
  assert.equal([0.0123, -0.004, 0].map(points), ['+1.2', '\u22120.4', '±0']);
});

test('words: numbers and counts', () => {
  assert.equal([2, 0.00123456, 812.4].map(number), ['2', '0.00123', '812']);
  assert.equal(
    [count(1, 'image'), count(0, 'image'), count(2, 'class', 'classes')],
    ['1 image', '0 images', '2 classes'],
  );
});

test('words: an inconclusive candidate serves only where that is allowed', () => {
  assert.match(consequence({ verdict: 'inconclusive', admitted: true }), /lets the candidate serve, with a warning\.$/);
  assert.match(consequence({ verdict: 'inconclusive', admitted: false }), /keeps the candidate out/);
  assert.match(consequence({ verdict: 'rejected', admitted: false }), /keeps the candidate out/);
  assert.match(consequence({ verdict: 'blessed', admitted: true }), /lets the candidate serve\.$/);
});

test.run();
