/**
 * Runs a training job in a thread of its own and stands for it here: passes progress and checkpoints on, stops it when
 * the signal says so, and never leaves it behind. What all strategies have in common.
 */
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { PipelineError, assertNever, type Failure } from '../../contracts/errors.ts';
import type { Progress } from '../../contracts/values.ts';
import { startThread } from '../threads.ts';
import { resolveNet } from './nets.ts';
import type { TrainingContext, TrainingJob, TrainingOutcome } from './strategy.ts';

export type EngineChoice =
  | { readonly type: 'onnx-graph' }
  /** Names of packages to try, first to last. */
  | { readonly type: 'tfjs'; readonly packages: readonly string[] };

export interface ThreadData {
  readonly job: TrainingJob;
  readonly engine: EngineChoice;
}

export type FromThread =
  | { readonly type: 'progress'; readonly report: Progress }
  | { readonly type: 'log'; readonly level: 'info' | 'warn'; readonly fields: object; readonly message: string }
  | { readonly type: 'checkpoint'; readonly state: Uint8Array }
  | { readonly type: 'done'; readonly outcome: TrainingOutcome }
  | { readonly type: 'failed'; readonly failure: Failure };

/** One person cannot be told from nobody, and batch-norm needs more than one image. */
const CLASSES_MIN = 2;
const IMAGES_MIN = 4;

/** Throws NET_INVALID or DATASET_TOO_SMALL: what can be known before a thread is started. */
export function checkJob({ runId, config, train }: TrainingJob): void {
  resolveNet(config.net, train.spec);
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
  data: ThreadData,
  context: TrainingContext,
  module = new URL('./training.thread.ts', import.meta.url),
): Promise<TrainingOutcome> {
  context.signal.throwIfAborted();
  const thread = startThread(module, data, { name: `training ${data.job.runId}` });
  let stop = () => {};
  try {
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(context.signal.reason);
      context.signal.addEventListener('abort', stop, { once: true });
    });
    return await Promise.race([converse(thread, context), died(thread, data.job.runId), aborted]);
  } finally {
    context.signal.removeEventListener('abort', stop);
    // A step under way is finished first: native code cannot be interrupted.
    await thread.terminate();
  }
}

/** Settles with the outcome, with the failure that the thread reports, or when a checkpoint cannot be saved. */
function converse(thread: Worker, context: TrainingContext): Promise<TrainingOutcome> {
  return new Promise((resolve, reject) => {
    thread.on('message', (message: FromThread) => {
      switch (message.type) {
        case 'progress':
          return context.progress(message.report);
        case 'log':
          return context.log[message.level](message.fields, message.message);
        case 'checkpoint':
          return void context.saveCheckpoint(message.state).then(() => thread.postMessage('saved'), reject);
        case 'done':
          return resolve(message.outcome);
        case 'failed':
          return reject(new PipelineError(message.failure.code, message.failure.message, message.failure));
        default:
          return assertNever(message);
      }
    });
  });
}

async function died(thread: Worker, runId: string): Promise<never> {
  // once() rejects with the error of an 'error' event, which a thread emits for what it did not catch.
  const [code] = await once(thread, 'exit').catch((cause: unknown) => {
    throw endedEarly(runId, cause instanceof Error ? cause.message : String(cause), cause);
  });
  throw endedEarly(runId, `exit code ${code}`);
}

const endedEarly = (runId: string, reason: string, cause?: unknown): PipelineError =>
  new PipelineError('TRAINING_FAILED', `training: run ${runId}: its thread ended early: ${reason}`, {
    retryable: true,
    cause,
  });
