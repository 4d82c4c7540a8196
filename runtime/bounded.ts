/**
 * Bounded concurrency over streams: the two shapes that the collector and the loader need. Each keeps no more in
 * flight than it is told and leaves nothing running behind it.
 */
import { linkAbort } from './linked-abort.ts';

/**
 * Maps items, at most `widthMax` at once, and yields the results in the order of the items. The next item is asked
 * for only when there is room, so at most `widthMax` items are held.
 */
export async function* mapInOrder<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  widthMax: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const window: Promise<Result>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      // Its failure is thrown where it is awaited below; until then it must not count as unhandled.
      result.catch(() => undefined);
      window.push(result);
      if (window.length === widthMax) yield await takeFirst(window);
    }
    while (window.length > 0) yield await takeFirst(window);
  } finally {
    await Promise.allSettled(window);
  }
}

/**
 * Runs all tasks at once. The first failure aborts the others' signal and is thrown once all of them have ended.
 */
export async function allOrAbort<Result>(
  signal: AbortSignal,
  tasks: readonly ((signal: AbortSignal) => Promise<Result>)[],
): Promise<Result[]> {
  const group = linkAbort(signal);
  const failures: unknown[] = [];
  const running = tasks.map(async (task) => {
    try {
      return await task(group.signal);
    } catch (error) {
      failures.push(error);
      group.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(running);
  group.unlink();
  if (failures.length > 0) throw failures[0];
  return Promise.all(running);
}

function takeFirst<Result>(window: Promise<Result>[]): Promise<Result> {
  const first = window.shift();
  if (first === undefined) throw new Error('an empty window has no first result');
  return first;
}
