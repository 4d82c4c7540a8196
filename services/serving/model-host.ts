/**
 * Runs one model in a thread of its own: queue and batching here (batch-queue.ts), the ONNX session there
 * (model-host.thread.ts). The thread that calls stays free while the model runs. Used by replicas and by the verifier.
 * A host ends by message and never by `Worker.terminate()`: that, during a run, makes onnxruntime-node abort the process.
 */
import type { Worker } from 'node:worker_threads';
import { PipelineError } from '../../contracts/errors.ts';
import { startThread } from '../threads.ts';
import { BatchQueue } from './batch-queue.ts';
import type { FromThread, HostThreadData, ToThread } from './model-host.messages.ts';
import type { ModelHost, ModelHostOptions } from './strategy.ts';

/** Throws MODEL_INVALID, or HOST_FAILED when the thread does not start. Who passes a thread may watch it. */
export async function createModelHost(
  options: ModelHostOptions,
  thread = startHostThread(options),
): Promise<ModelHost> {
  const dimensions = await untilReady(thread);
  const { width, height, channels } = options.image;
  const queue = new BatchQueue({
    queueMax: options.queueMax,
    batchMax: options.batchMax,
    imageBytes: width * height * channels,
    run: (pixels, count) => runInThread(thread, pixels, count),
    now: () => performance.now(),
  });
  const ended = exitOf(thread);
  const failed = watch(thread, queue);
  return {
    dimensions,
    embed: (request) => queue.submit(request),
    get inFlight() {
      return queue.inFlight;
    },
    failed,
    async close() {
      queue.close(closedError());
      await queue.idle();
      send(thread, { type: 'close' });
      await ended;
    },
  };
}

export function startHostThread({ model, image, batchMax, threads }: ModelHostOptions): Worker {
  // A copy of its own: the caller's bytes may be a view into a larger buffer, all of which would be sent.
  const bytes = new Uint8Array(model);
  const data: HostThreadData = { model: bytes, image, batchMax, threads };
  return startThread(new URL('./model-host.thread.ts', import.meta.url), data, {
    transferList: [bytes.buffer],
    name: 'model-host',
  });
}

async function untilReady(thread: Worker): Promise<number> {
  const message = await firstMessage(thread);
  if (message.type === 'ready') return message.dimensions;
  await exitOf(thread);
  if (message.type === 'invalid') throw new PipelineError('MODEL_INVALID', `model host: ${message.message}`);
  throw new Error(`model host: the thread began with "${message.type}"`);
}

/** Throws HOST_FAILED if the thread ends before it says anything. */
function firstMessage(thread: Worker): Promise<FromThread> {
  return new Promise((resolve, reject) => {
    const onError = (cause: unknown) => finish(() => reject(failure('its thread did not start', cause)));
    const onExit = (code: number) => finish(() => reject(failure(`its thread ended with code ${code} at start`)));
    const onMessage = (message: FromThread) => finish(() => resolve(message));
    const finish = (settle: () => void) => {
      thread.off('error', onError).off('exit', onExit).off('message', onMessage);
      settle();
    };
    thread.on('error', onError).on('exit', onExit).on('message', onMessage);
  });
}

function runInThread(thread: Worker, pixels: Uint8Array, count: number): Promise<Float32Array> {
  return new Promise((resolve, reject) => {
    thread.once('message', (message: FromThread) => {
      if (message.type === 'answer') return resolve(message.embeddings);
      reject(failure(message.type === 'run-failed' ? message.message : `unexpected answer "${message.type}"`));
    });
    send(thread, { type: 'run', pixels, count }, [pixels.buffer as ArrayBuffer]);
  });
}

/** The end of the thread refuses what is in flight; the promise resolves only if nobody had asked for that end. */
function watch(thread: Worker, queue: BatchQueue): Promise<PipelineError> {
  return new Promise((resolve) => {
    let cause: unknown;
    thread.on('error', (error) => (cause = error));
    thread.on('exit', (code) => {
      const error = failure(`its thread ended unexpectedly with code ${code}`, cause);
      if (queue.isClosed) return queue.fail(closedError());
      queue.fail(error);
      resolve(error);
    });
  });
}

// Not events.once(), which rejects on the 'error' that comes before the exit.
const exitOf = (thread: Worker) => new Promise<void>((resolve) => thread.once('exit', () => resolve()));

const send = (thread: Worker, message: ToThread, transfer: ArrayBuffer[] = []) => thread.postMessage(message, transfer);

const failure = (why: string, cause?: unknown) =>
  new PipelineError('HOST_FAILED', `model host: ${why}${cause instanceof Error ? `: ${cause.message}` : ''}`, {
    retryable: true,
    cause,
  });

const closedError = () => failure('it has been closed');
