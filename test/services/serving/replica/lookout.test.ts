import { setImmediate as everythingElse } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLookout, LOOK_MS } from '../../../../services/serving/replica/lookout.ts';

test('lookout: answers that wait share a look that begins after all of them, and the next one begins another', async () => {
  let begun = 0;
  const lookout = createLookout(async () => void (begun += 1));
  const [first, second] = [lookout.look(), lookout.look()];
  assert.is(begun, 0, 'none has begun before the second one waited');
  assert.equal(await Promise.all([first, second]), [true, true]);
  assert.is(begun, 1);
  assert.is(await lookout.look(), true);
  assert.is(begun, 2);
});

test('lookout: a store that refuses or is silent does not hold an answer for long', async () => {
  const refusing = createLookout(() => Promise.reject(new Error('no leader')));
  assert.is(await refusing.look(), false);
  const startedAtMs = performance.now();
  const silent = createLookout(() => new Promise(() => {}));
  assert.is(await silent.look(), false);
  assert.ok(performance.now() - startedAtMs >= LOOK_MS - 1);
});

test('lookout: an answer that a frozen process finds when it wakes up counts', async () => {
  let answer = () => {};
  const reading = new Promise<void>((resolve) => (answer = resolve));
  let begin = () => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const look = createLookout(() => (begin(), reading)).look();
  await begun;
  await everythingElse();
  const untilMs = performance.now() + LOOK_MS + 50;
  while (performance.now() < untilMs);
  // Timers come first in the next turn, and what the network has brought after them.
  setImmediate(answer);
  assert.is(await look, true);
});

test.run();
