/** Bounded concurrency: order, width, and nothing left running after a failure. */
import { setImmediate } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { allOrAbort, mapInOrder } from '../../runtime/bounded.ts';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const messageOf = (work: Promise<unknown>) =>
  work.then(
    () => 'no failure',
    (error: Error) => error.message,
  );

test('mapInOrder: results keep the order of the items, however long each takes', async () => {
  const slowFirst = async (turns: number) => {
    for (let turn = 0; turn < turns; turn++) await setImmediate();
    return turns;
  };
  assert.equal(await collect(mapInOrder([9, 1, 5, 0], 3, slowFirst)), [9, 1, 5, 0]);
});

test('mapInOrder: no more than the width is in work, and the width is used', async () => {
  let inWork = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inWork);
    await setImmediate();
    inWork--;
  };
  await collect(mapInOrder(Array(20).keys(), 4, work));
  assert.is(most, 4);
});

test('mapInOrder: a failure is thrown once the others have ended', async () => {
  let ended = 0;
  const work = async (item: number) => {
    if (item === 1) throw new Error('item 1 broke');
    await setImmediate();
    ended++;
  };
  assert.is(await messageOf(collect(mapInOrder([0, 1, 2, 3], 4, work))), 'item 1 broke');
  assert.is(ended, 3);
});

test('mapInOrder: a reader that stops early ends the source', async () => {
  let closed = false;
  async function* items() {
    try {
      for (let item = 0; ; item++) yield item;
    } finally {
      closed = true;
    }
  }
  for await (const item of mapInOrder(items(), 2, async (n) => n)) if (item === 3) break;
  assert.ok(closed);
});

test('allOrAbort: the first failure aborts the others and is what is thrown', async () => {
  let aborted = false;
  const waiting = (signal: AbortSignal) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        aborted = true;
        reject(new Error('followed'));
      });
    });
  const failing = async () => {
    await setImmediate();
    throw new Error('went first');
  };
  assert.is(await messageOf(allOrAbort(new AbortController().signal, [waiting, failing])), 'went first');
  assert.ok(aborted);
});

test('allOrAbort: results come in the order of the tasks', async () => {
  const slow = async () => setImmediate('slow');
  assert.equal(await allOrAbort(new AbortController().signal, [slow, async () => 'fast']), ['slow', 'fast']);
});

test.run();
