import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ago, count, duration, milliseconds, moment, percent, percentOrDash, swapTime } from '../../console/words.ts';

test('console: lengths of time have two units at most', () => {
  const [s, min, h] = [1_000, 60_000, 3_600_000];
  const words = [0, 420, 3.2 * s, 42 * s, 4 * min, 4 * min + 10 * s, 2 * h + 5 * min, 76 * h].map(duration);
  assert.equal(words, ['0 ms', '420 ms', '3.2 s', '42 s', '4 min', '4 min 10 s', '2 h 5 min', '3 d 4 h']);
  assert.equal(
    [swapTime(3), swapTime(1_234), milliseconds(0.42), milliseconds(42)],
    ['3 µs', '1.23 ms', '0.4 ms', '42 ms'],
  );
});

test('console: a moment is told by how far it is, and whole with its zone', () => {
  const at = '2026-11-26T21:00:00.000Z';
  const now = Date.parse(at);
  assert.equal([ago(at, now), ago(at, now + 90_000), ago(at, now - 3_600_000)], ['now', '1 min 30 s ago', 'in 1 h']);
  assert.is(moment(at, 'Europe/Berlin'), '26 Nov 2026, 22:00:00 CET');
});

test('console: shares keep the digits that tell them from none and all', () => {
  assert.equal([0, 0.0004, 0.012, 0.5, 0.9991, 1].map(percent), [
    '0 %',
    '0.04 %',
    '1.2 %',
    '50.0 %',
    '99.91 %',
    '100 %',
  ]);
  assert.equal([percentOrDash(null), count(1, 'run'), count(1_234, 'run')], ['–', '1 run', '1,234 runs']);
});

test.run();
