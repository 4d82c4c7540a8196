/**
 * A training thread: runs one job with one engine and talks to in-thread.ts by messages. It lives and dies with the
 * job; whoever started it ends it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { PipelineError, assertNever, toFailure } from '../../../contracts/errors.ts';
import { TRAINING_NICE, lowerThreadPriority } from '../../../runtime/threads.ts';
import type { EngineFactory } from './engine.ts';
import type { LoopContext } from './attempt.ts';
import { SAVER, SAVING, STOP, type EngineChoice, type FromThread, type ThreadData } from './in-thread.ts';
import { runTraining } from './loop.ts';
import type { TrainingOutcome } from '../strategy.ts';

// Before anything else starts a thread: the runtime's own threads inherit the priority.
lowerThreadPriority(TRAINING_NICE);

// startThread passes what in-thread.ts gave it, under `data`.
const { job, engine, flags: shared } = (workerData as { data: ThreadData }).data;
const port = parentPort!;
const send = (message: FromThread) => port.postMessage(message);

/** Ends the loop when the other side asks for it; not an error of anybody. */
class Stopped extends Error {}

/** Of the time, that saving may take: with small models and fast passes it would else never pause. */
const SAVING_SHARE_MAX = 0.1;

const flags = new Int32Array(shared);
let handedOverAt = -Infinity;
const context: LoopContext = {
  signal: {
    throwIfAborted() {
      if (Atomics.load(flags, STOP) !== 0) throw new Stopped();
    },
  },
  progress: (report) => send({ type: 'progress', report }),
  log: {
    info: (fields, message) => send({ type: 'log', level: 'info', fields, message }),
    warn: (fields, message) => send({ type: 'log', level: 'warn', fields, message }),
  },
  now: () => performance.now(),
  isSaverFree() {
    const lastMs = Atomics.load(flags, SAVER);
    return lastMs !== SAVING && performance.now() - handedOverAt >= lastMs / SAVING_SHARE_MAX;
  },
  saveCheckpoint(state) {
    Atomics.store(flags, SAVER, SAVING);
    handedOverAt = performance.now();
    send({ type: 'checkpoint', state });
  },
};

try {
  send({ type: 'done', outcome: await work() });
} catch (error) {
  if (error instanceof Stopped) send({ type: 'stopped' });
  else if (error instanceof PipelineError) send({ type: 'failed', failure: toFailure(error) });
  // Anything else ends the thread, and reaches in-thread.ts with its stack.
  else throw error;
}

async function work(): Promise<TrainingOutcome> {
  if (engine.type !== 'command') return runTraining(await loadEngine(engine), job, context);
  return (await import('../command/accept.ts')).acceptModel(engine, job, context.signal);
}

/** Loaded on demand: the library of the other engine may not be installed. */
async function loadEngine(engine: Exclude<EngineChoice, { type: 'command' }>): Promise<EngineFactory> {
  switch (engine.type) {
    case 'onnx-graph':
      return (await import('../onnx/providers.ts')).chooseEngine({ providers: job.config.providers, log: context.log });
    case 'tfjs':
      return (await import('../tfjs/engine.ts')).loadTfjsEngine(engine.packages);
    default:
      return assertNever(engine);
  }
}
