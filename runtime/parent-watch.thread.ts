/**
 * Ends the process once its parent is gone. For a process whose main thread may be held for ever by native code, and which
 * then hears nothing of its parent's end. The parent's id is given, so that an early end is noticed as well.
 */
import { workerData } from 'node:worker_threads';

const CHECK_MS = 500;

// startThread passes it under `data`.
const { data: parent } = workerData as { data: number };

// Not process.exit(): that waits for the main thread.
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, CHECK_MS);
