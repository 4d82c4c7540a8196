/** The bench of snapshots, small: a night with 1 % new images stores about 1 %. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { measureSnapshots } from '../../../bench/snapshots/snapshots.ts';

test('bench snapshots: a night stores what it adds, and nothing if there is nothing', async () => {
  const { newShare, unchangedShare, leftShare, wholeBytes, images } = await measureSnapshots(2_000);
  assert.is(images, 2_000);
  assert.ok(wholeBytes > 1_000_000);
  assert.ok(newShare > 0.005 && newShare <= 0.02, `${newShare}`);
  assert.ok(unchangedShare < 0.001, `${unchangedShare}`);
  assert.ok(leftShare < 1, `${leftShare}`);
});

test.run();
