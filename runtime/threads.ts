/**
 * Starts worker threads. Heavy work (training, model runs) lives in such threads, never on the one that talks to NATS,
 * because onnxruntime-node blocks the thread it is called on. A thread's module is named by its path from the root,
 * `services/training/loop/training.thread` for instance, and comes from dist/: see modules.ts.
 */
import { readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { builtModule, type ModuleName } from './modules.ts';
import './telemetry.ts';

/** `data` arrives as `workerData.data`. */
export function startThread(
  module: ModuleName,
  data: unknown,
  options: Pick<WorkerOptions, 'transferList' | 'name'> = {},
): Worker {
  return new Worker(builtModule(module), {
    ...options,
    // The process's own flags (a loader, the form of its input) are not the thread's.
    execArgv: [],
    workerData: { data },
  });
}

/** Of training threads: below everything that answers requests, a third of its share of a busy core, all of an idle one. */
export const TRAINING_NICE = 5;

/**
 * Lowers the scheduling priority of the calling thread (and of threads that it starts afterwards), so that a
 * training run on a shared machine does not slow the requests served beside it. Linux only: elsewhere a no-op,
 * because only Linux gives threads a niceness of their own. `nice`: 0 (normal) to 19 (lowest). It is never raised: that
 * takes a right, and a worker that yields to all is lower already.
 */
export function lowerThreadPriority(nice: number): void {
  if (process.platform !== 'linux') return;
  const threadId = Number(readlinkSync('/proc/thread-self').split('/').pop());
  if (getPriority(threadId) < nice) setPriority(threadId, nice);
}
