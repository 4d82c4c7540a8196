import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { waitMs } from '../../../console/state/backoff.ts';

test('console: a page waits longer after each failure, up to a limit, and never as long as another page', () => {
  assert.equal(
    [1, 2, 3, 4, 5, 6, 7, 50].map((failures) => waitMs(failures, 1)),
    [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000],
  );
  assert.is(waitMs(1, 0), 250);
  assert.is(waitMs(50, 0), 7_500);
});

test.run();
