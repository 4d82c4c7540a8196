/**
 * Runs a training job in a thread of its own and stands for it here: passes progress and checkpoints on, stops it when
 * the signal says so, and never leaves it behind. All strategies share it. The thread is asked to stop and
 * ended only when it has: ending it during a run makes onnxruntime-node abort the process.
 */
import type { Worker } from 'node:worker_threads';
import { PipelineError, assertNever, type Failure } from '../../../contracts/errors.ts';
import type { Progress } from '../../../contracts/progress.ts';
import type { ModuleName } from '../../../runtime/modules.ts';
import { startThread } from '../../../runtime/threads.ts';
import type { ProgramResult } from '../command/accept.ts';
import { resolveNet } from '../nets/nets.ts';
import type { TrainingContext, TrainingJob, TrainingOutcome } from '../strategy.ts';

export type EngineChoice =
  | { readonly type: 'onnx-graph' }
  /** Names of packages to try, first to last. */
  | { readonly type: 'tfjs'; readonly packages: readonly string[] }
  /** Trained already, by an outside program: its model is to be checked. */
  | ({ readonly type: 'command' } & ProgramResult);

export interface ThreadData {
  readonly job: TrainingJob;
  readonly engine: EngineChoice;
  /** FLAGS Int32: seen by the thread between two steps even if it never waits. */
  readonly flags: SharedArrayBuffer;
}

/** Places in `flags`. */
export const STOP = 0;
export const SAVER = 1;
const FLAGS = 2;
/** In place SAVER: a save is under way. Any other number is how long the last one took, in milliseconds. */
export const SAVING = -1;

export type FromThread =
  | { readonly type: 'progress'; readonly report: Progress }
  | { readonly type: 'log'; readonly level: 'info' | 'warn'; readonly fields: object; readonly message: string }
  | { readonly type: 'checkpoint'; readonly state: Uint8Array }
  | { readonly type: 'done'; readonly outcome: TrainingOutcome }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly failure: Failure };

/** One person cannot be told from nobody, and batch-norm needs more than one image. */
const CLASSES_MIN = 2;
const IMAGES_MIN = 4;

/** Throws NET_INVALID or DATASET_TOO_SMALL: what can be known before a thread is started. */
export function checkJob({ runId, config, train }: TrainingJob): void {
  // The output of a frozen backbone is known once it is loaded, in the thread.
  if (config.backbone === undefined) resolveNet(config.net, train.spec);
  const people = new Set(train.classes).size;
  if (people >= CLASSES_MIN && train.count >= IMAGES_MIN) return;
  throw new PipelineError(
    'DATASET_TOO_SMALL',
    `training: run ${runId}: ${train.count} images of ${people} people in the train split; ` +
      `at least ${IMAGES_MIN} images of ${CLASSES_MIN} people are needed`,
  );
}

/** `module` speaks the messages above; training.thread.ts is the one. The thread has ended when this settles. */
export async function trainInThread(
  work: Omit<ThreadData, 'flags'>,
  context: TrainingContext,
  module: ModuleName = 'services/training/loop/training.thread',
): Promise<TrainingOutcome> {
  context.signal.throwIfAborted();
  const data: ThreadData = { ...work, flags: new SharedArrayBuffer(FLAGS * Int32Array.BYTES_PER_ELEMENT) };
  const thread = startThread(module, data, { name: `training ${data.job.runId}` });
  try {
    return await converse(thread, data, context);
  } finally {
    await thread.terminate();
  }
}

/** Settles with the thread's last word: until then its engine may be at work. */
function converse(thread: Worker, data: ThreadData, context: TrainingContext): Promise<TrainingOutcome> {
  const { job } = data;
  const flags = new Int32Array(data.flags);
  return new Promise((resolve, reject) => {
    let reason: unknown;
    let saving = Promise.resolve();
    const stopFor = (cause: unknown) => {
      reason ??= cause;
      Atomics.store(flags, STOP, 1);
    };
    const save = async (state: Uint8Array) => {
      const startedAt = context.now();
      await context.saveCheckpoint(state).catch(stopFor);
      Atomics.store(flags, SAVER, Math.round(context.now() - startedAt));
    };
    const onAbort = () => stopFor(context.signal.reason);
    context.signal.addEventListener('abort', onAbort, { once: true });
    thread.on('message', (message: FromThread) => {
      switch (message.type) {
        case 'progress':
          return context.progress(message.report);
        case 'log':
          return context.log[message.level](message.fields, message.message);
        case 'checkpoint':
          // A save that fails stops the training, so `saving` never rejects.
          return void (saving = save(message.state));
        case 'done':
          return void saving.then(() => (reason === undefined ? resolve(message.outcome) : reject(reason)));
        case 'stopped':
          return void saving.then(() => reject(reason));
        case 'failed': {
          const { code, message: text, retryable } = message.failure;
          return void saving.then(() => reject(new PipelineError(code, text, { retryable })));
        }
        default:
          return assertNever(message);
      }
    });
    // An error that the thread did not catch arrives as 'error', before 'exit'.
    thread.on('error', (cause) => reject(endedEarly(job.runId, cause.message, cause)));
    thread.on('exit', (code) => {
      context.signal.removeEventListener('abort', onAbort);
      // After its last word, which may wait for a save.
      void saving.then(() => reject(endedEarly(job.runId, `exit code ${code}`)));
    });
  });
}

const endedEarly = (runId: string, reason: string, cause?: unknown): PipelineError =>
  new PipelineError('TRAINING_FAILED', `training: run ${runId}: its thread ended early: ${reason}`, {
    retryable: true,
    cause,
  });
