/**
 * Says when a request is due. A thread of its own, because timers of the event loop are a millisecond coarse and late
 * behind other work; this one sleeps in the kernel. Gets the moments in milliseconds from its start; posts each on time.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { clockMs } from '../support/clock.ts';

const dueMs = workerData.data as Float64Array; // From load.ts, its only caller.
const nobody = new Int32Array(new SharedArrayBuffer(4));
const startedAt = clockMs();

for (const due of dueMs) {
  const waitMs = startedAt + due - clockMs();
  if (waitMs > 0) Atomics.wait(nobody, 0, 0, waitMs);
  parentPort?.postMessage(startedAt + due);
}
