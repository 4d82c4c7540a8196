/** Times of the command line. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { timeOf } from '../../cli/time.ts';

test('time: a stored time to the second, with its zone', () => {
  assert.is(timeOf('2026-11-26T02:00:17.123Z'), '2026-11-26T02:00:17Z');
});

test.run();
