/**
 * Narrows a search among very many rows down to those that may be best, in a thread of its own. Used by people.ts if
 * looking at each row would hold up the calling thread.
 */
import { PipelineError } from '../../../contracts/errors.ts';
import { startThread } from '../../../runtime/threads.ts';
import { searchGraph } from './row-search-graph.ts';
import type { FromSearchThread, SearchThreadData, ToSearchThread } from './row-search.messages.ts';

export interface RowSearch {
  set(first: number, rows: Float32Array): void;
  truncate(count: number): void;
  /** Every row that may be among the `best` ones, as of this call. Throws HOST_FAILED when the thread has ended. */
  search(probe: Float32Array, best: number): Promise<Int32Array>;
  /** Resolves when the thread has ended. */
  close(): Promise<void>;
}

export function startRowSearch(dimensions: number): RowSearch {
  const data: SearchThreadData = { graph: searchGraph(), dimensions };
  const thread = startThread('services/serving/gallery/row-search.thread', data, { name: 'row-search' });
  const waiting = new Map<number, { resolve: (rows: Int32Array) => void; reject: (error: Error) => void }>();
  let lastId = 0;
  let failure: PipelineError | null = null;
  const send = (message: ToSearchThread, transfer: ArrayBuffer[] = []) => thread.postMessage(message, transfer);
  thread.on('message', ({ id, rows }: FromSearchThread) => {
    waiting.get(id)?.resolve(rows);
    waiting.delete(id);
  });
  const ended = new Promise<void>((resolve) => {
    thread.on('error', (cause) => (failure = lost(cause)));
    thread.on('exit', () => {
      failure ??= lost();
      for (const { reject } of waiting.values()) reject(failure);
      waiting.clear();
      resolve();
    });
  });
  return {
    set: (first, rows) => {
      // A copy: the caller goes on changing its rows, which must not change here as well.
      const copy = new Float32Array(rows);
      send({ type: 'set', first, rows: copy }, [copy.buffer]);
    },
    truncate: (count) => send({ type: 'truncate', count }),
    search: (probe, best) =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure);
        lastId += 1;
        waiting.set(lastId, { resolve, reject });
        send({ type: 'search', id: lastId, probe: probe.slice(), best });
      }),
    close: () => {
      send({ type: 'close' });
      return ended;
    },
  };
}

const lost = (cause?: unknown) =>
  new PipelineError('HOST_FAILED', 'the thread that searches the gallery has ended', { retryable: true, cause });
