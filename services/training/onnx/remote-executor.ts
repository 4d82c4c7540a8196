/**
 * Stands for an executor in another thread: one command, one answer, one at a time. A thread that ends before it was told
 * to fails the command under way and all after it. Called by data-parallel.ts.
 */
import { PipelineError } from '../../../contracts/errors.ts';
import type { ModuleName } from '../../../runtime/modules.ts';
import { startThread } from '../../../runtime/threads.ts';
import type { Executor, ExecutorSetup, Pass } from './executor.ts';

export type ToExecutor =
  | { readonly type: 'pass'; readonly first: number }
  | { readonly type: 'add'; readonly count: number; readonly isFirst: boolean }
  | { readonly type: 'update'; readonly rates: Float32Array; readonly factor: number }
  | { readonly type: 'publish' | 'close' };

/** `module` answers each ToExecutor once, and says something first; executor.thread.ts is the one. */
export async function startExecutor(
  setup: ExecutorSetup,
  module: ModuleName = 'services/training/onnx/executor.thread',
): Promise<Executor> {
  const thread = startThread(module, setup, { name: `executor ${setup.place}` });
  let gone: PipelineError | null = null;
  let waiting: { resolve(answer: unknown): void; reject(cause: unknown): void } | null = null;
  const fail = (reason: string, cause?: unknown) => {
    gone ??= endedEarly(setup.place, reason, cause);
    waiting?.reject(gone);
  };
  thread.on('message', (answer: unknown) => waiting?.resolve(answer));
  thread.on('error', (cause) => fail(cause.message, cause));
  const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  void exited.then(() => fail('it is gone'));

  const answer = (): Promise<unknown> =>
    new Promise((resolve, reject) => (gone ? reject(gone) : (waiting = { resolve, reject })));
  const ask = (command: ToExecutor): Promise<unknown> => {
    thread.postMessage(command);
    return answer();
  };
  await answer();
  return {
    // Each answer is what createExecutor gives for the command.
    pass: async (first) => (await ask({ type: 'pass', first })) as Pass,
    add: async (count, isFirst) => (await ask({ type: 'add', count, isFirst })) as readonly number[],
    update: async (rates, factor) => void (await ask({ type: 'update', rates, factor })),
    publish: async () => void (await ask({ type: 'publish' })),
    async close() {
      thread.postMessage({ type: 'close' } satisfies ToExecutor);
      await exited;
    },
  };
}

const endedEarly = (place: number, reason: string, cause?: unknown): PipelineError =>
  new PipelineError('TRAINING_FAILED', `training: executor ${place} ended early: ${reason}`, {
    retryable: true,
    cause,
  });
