import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AtomicReference } from '../../../../services/serving/replica/atomic-reference.ts';

/** Whether a promise is resolved or rejected by now. */
async function isOver(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, Promise.resolve().then(() => pending)])) !== pending;
}

test('atomic reference: a swap without leases is drained at once', async () => {
  const reference = new AtomicReference('a');
  const { previous, drained } = reference.swap('b');
  await drained;
  assert.is(previous, 'a');
  assert.is(reference.current, 'b');
});

test('atomic reference: a lease keeps its value through a swap', async () => {
  const reference = new AtomicReference('a');
  const before = reference.acquire();
  const { drained } = reference.swap('b');
  const after = reference.acquire();
  assert.is(before.value, 'a');
  assert.is(after.value, 'b');
  assert.not(await isOver(drained));
  before.release();
  await drained;
  after.release();
});

test('atomic reference: the last of several leases drains, and a second release does not count', async () => {
  const reference = new AtomicReference('a');
  const first = reference.acquire();
  const second = reference.acquire();
  const { drained } = reference.swap('b');
  first.release();
  first.release();
  assert.not(await isOver(drained));
  second.release();
  await drained;
});

test('atomic reference: releasing before the swap leaves nothing to wait for', async () => {
  const reference = new AtomicReference('a');
  reference.acquire().release();
  assert.is(reference.leases, 0);
  await reference.swap('b').drained;
});

test('atomic reference: two values may drain at the same time, each by its own leases', async () => {
  const reference = new AtomicReference(1);
  const one = reference.acquire();
  const first = reference.swap(2);
  const two = reference.acquire();
  const second = reference.swap(3);
  two.release();
  await second.drained;
  assert.not(await isOver(first.drained));
  one.release();
  await first.drained;
});

test.run();
