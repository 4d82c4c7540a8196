/**
 * Batches that input threads make ahead while the training thread computes. Memory is a fixed number of buffers that
 * travel to a thread and back; which thread makes a batch, and when, changes nothing in it. Used by loop.ts for sets
 * on disk.
 */
import { PipelineError, type Failure } from '../../../contracts/errors.ts';
import type { SpooledImages } from '../../data/strategy.ts';
import { startThread } from '../../../runtime/threads.ts';
import { imageSize } from './pixels.ts';
import {
  batchesPerEpoch,
  createRecipes,
  type Batch,
  type BatchRecipe,
  type BatchSettings,
  type BatchSource,
} from './batches.ts';

export interface WorkerSettings extends BatchSettings {
  /** Threads that make batches. */
  readonly workers: number;
  /** Most bytes of pixels that the batches ahead, the one in use and the threads hold together. */
  readonly memoryBytes: number;
}

export interface InputThreadData {
  readonly set: SpooledImages;
  readonly augment: BatchSettings['augment'];
  readonly batchSize: number;
  /** One Int32, not 0 once nobody wants batches any more. */
  readonly stop: Int32Array;
}

export type ToInputThread =
  | { readonly number: number; readonly recipe: BatchRecipe; readonly images: Float32Array }
  /** After what was asked for before. */
  | 'end';

export interface FromInputThread {
  readonly number: number;
  /** The buffer that came with the request. */
  readonly images: Float32Array;
  readonly failure: Failure | null;
}

/** Batches made ahead: enough to ride out a slow read, few enough that a cancelled training has wasted little. */
const AHEAD_MAX = 8;
/** One is trained on while another is made. */
const BUFFERS_MIN = 2;

/** How many buffers of one batch there may be. Throws CONFIG_INVALID where the memory is too small for two. */
export function buffersOf(set: Pick<SpooledImages, 'spec'>, settings: WorkerSettings): number {
  const { batchSize, workers, memoryBytes } = settings;
  const values = batchSize * imageSize(set);
  const buffers = Math.floor((memoryBytes - workers * values) / (values * Float32Array.BYTES_PER_ELEMENT));
  if (buffers >= BUFFERS_MIN) return Math.min(buffers, 1 + AHEAD_MAX);
  const needed = values * (workers + BUFFERS_MIN * Float32Array.BYTES_PER_ELEMENT);
  throw new PipelineError(
    'CONFIG_INVALID',
    `training.input.memoryBytes: ${memoryBytes} bytes are too few for batches of ${batchSize} images and ${workers} ` +
      `threads; give at least ${needed}, or lower training.batchSize`,
  );
}

/** Throws CONFIG_INVALID as buffersOf does. */
export function createWorkerBatches(set: SpooledImages, settings: WorkerSettings): BatchSource {
  return new WorkerBatches(set, settings);
}

class WorkerBatches implements BatchSource {
  readonly count: number;
  readonly #set: SpooledImages;
  readonly #recipeOf: ReturnType<typeof createRecipes>;
  readonly #threads: readonly InputThread[];
  readonly #stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #free: Float32Array[];
  readonly #heldBytes: number;
  /** The batches that were asked for and not yet handed out, by the batch's number over the whole training. */
  readonly #ahead = new Map<number, Promise<FromInputThread>>();
  /** The buffer of the batch that was handed out last. */
  #lent: Float32Array | null = null;

  constructor(set: SpooledImages, settings: WorkerSettings) {
    const { batchSize, augment, workers } = settings;
    const values = batchSize * imageSize(set);
    const data = { set, augment, batchSize, stop: this.#stop };
    this.count = batchesPerEpoch(set, settings);
    this.#set = set;
    this.#recipeOf = createRecipes(set, settings);
    this.#free = Array.from({ length: buffersOf(set, settings) }, () => new Float32Array(values));
    this.#heldBytes = values * (workers + this.#free.length * Float32Array.BYTES_PER_ELEMENT);
    this.#threads = Array.from({ length: workers }, (_, index) => startInputThread(data, index));
  }

  heldBytes(): number {
    return this.#heldBytes;
  }

  async batch(epoch: number, index: number): Promise<Batch> {
    const number = epoch * this.count + index;
    if (this.#lent) this.#free.push(this.#lent);
    this.#lent = null;
    if (!this.#ahead.has(number)) await this.#forget();
    this.#askAhead(number);
    const { images, failure } = await this.#take(number);
    this.#lent = images;
    if (failure) throw new PipelineError(failure.code, failure.message, failure);
    const { indices } = this.#recipeOf(epoch, index);
    return { images, classes: indices.map((at) => this.#set.classes[at]!) };
  }

  async close(): Promise<void> {
    Atomics.store(this.#stop, 0, 1);
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }

  /** The training goes on elsewhere: what was made for here is of no use. */
  async #forget(): Promise<void> {
    for (const number of [...this.#ahead.keys()]) this.#free.push((await this.#take(number)).images);
  }

  async #take(number: number): Promise<FromInputThread> {
    const made = this.#ahead.get(number)!;
    this.#ahead.delete(number);
    return made;
  }

  #askAhead(from: number): void {
    for (let number = from; this.#free.length > 0; number++) {
      if (this.#ahead.has(number)) continue;
      const recipe = this.#recipeOf(Math.floor(number / this.count), number % this.count);
      const thread = this.#threads.reduce((least, other) => (other.waiting() < least.waiting() ? other : least));
      const made = thread.make({ number, recipe, images: this.#free.pop()! });
      // Its failure is thrown by the call that asks for this batch, if one does.
      made.catch(() => undefined);
      this.#ahead.set(number, made);
    }
  }
}

interface InputThread {
  /** Batches asked for and not yet made. */
  waiting(): number;
  make(request: Exclude<ToInputThread, 'end'>): Promise<FromInputThread>;
  /** Resolves when the thread has ended. */
  end(): Promise<void>;
}

function startInputThread(data: InputThreadData, index: number): InputThread {
  const worker = startThread('services/training/input/batch.thread', data, { name: `input ${index}` });
  const asked = new Map<number, { resolve(made: FromInputThread): void; reject(cause: unknown): void }>();
  let gone: PipelineError | null = null;
  const fail = (reason: string, cause?: unknown) => {
    gone ??= endedEarly(reason, cause);
    for (const { reject } of asked.values()) reject(gone);
  };
  worker.on('message', (made: FromInputThread) => {
    asked.get(made.number)!.resolve(made);
    asked.delete(made.number);
  });
  worker.on('error', (cause) => fail(cause.message, cause));
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  void exited.then(() => fail('it is gone'));
  return {
    waiting: () => asked.size,
    make: (request) =>
      new Promise((resolve, reject) => {
        if (gone) return reject(gone);
        asked.set(request.number, { resolve, reject });
        worker.postMessage(request satisfies ToInputThread, [request.images.buffer as ArrayBuffer]);
      }),
    end: () => {
      worker.postMessage('end' satisfies ToInputThread);
      return exited;
    },
  };
}

const endedEarly = (reason: string, cause?: unknown): PipelineError =>
  new PipelineError('TRAINING_FAILED', `training: an input thread ended early: ${reason}`, { retryable: true, cause });
