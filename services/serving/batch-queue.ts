/**
 * The waiting room before a model: bounded, batching, with deadlines. It knows nothing of threads or models: `run`
 * does the work, one batch at a time. Whatever waits when the runner becomes free goes as one batch, so a lone
 * request never waits for company and a busy model gets large batches. Used by model-host.ts.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { EmbedRequest } from './strategy.ts';

export interface BatchQueueOptions {
  readonly queueMax: number;
  readonly batchMax: number;
  /** Pixels of one image. */
  readonly imageBytes: number;
  /** Embeds [count, ...] in one go; rows of equal length come back in the same order. The pixels are its own copy. */
  readonly run: (pixels: Uint8Array, count: number) => Promise<Float32Array>;
  /** Milliseconds, the clock of EmbedRequest.deadlineMs. */
  readonly now: () => number;
}

interface Waiting {
  readonly request: EmbedRequest;
  readonly resolve: (embeddings: Float32Array) => void;
  readonly reject: (error: unknown) => void;
}

export class BatchQueue {
  readonly #options: BatchQueueOptions;
  #waiting: Waiting[] = [];
  #running: readonly Waiting[] = [];
  #closed: PipelineError | null = null;
  #lastRunMs = 0;
  #idleWaiters: (() => void)[] = [];

  constructor(options: BatchQueueOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#waiting.length + this.#running.length;
  }

  get isClosed(): boolean {
    return this.#closed !== null;
  }

  submit(request: EmbedRequest): Promise<Float32Array> {
    if (this.#closed) return Promise.reject(this.#closed);
    const expected = request.count * this.#options.imageBytes;
    if (request.count < 1 || request.pixels.length !== expected) {
      return Promise.reject(
        new Error(`model host: ${request.count} images need ${expected} bytes, got ${request.pixels.length}`),
      );
    }
    if (this.#waiting.length >= this.#options.queueMax) return Promise.reject(this.#overloaded());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      if (this.#running.length === 0) void this.#runNext();
    });
  }

  /** Refuses new requests from now on; those that wait or run are still answered. */
  close(reason: PipelineError): void {
    this.#closed ??= reason;
  }

  /** Refuses new requests and those in flight. */
  fail(reason: PipelineError): void {
    this.close(reason);
    const lost = [...this.#running, ...this.#waiting];
    this.#running = [];
    this.#waiting = [];
    for (const { reject } of lost) reject(reason);
    this.#settleIdle();
  }

  /** Resolves when nothing waits or runs. */
  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  async #runNext(): Promise<void> {
    const batch = this.#takeBatch();
    this.#running = batch;
    if (batch.length === 0) return this.#settleIdle();
    const startedAt = this.#options.now();
    try {
      const { pixels, count } = join(batch, this.#options.imageBytes);
      const embeddings = await this.#options.run(pixels, count);
      answer(batch, embeddings, count);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.#lastRunMs = this.#options.now() - startedAt;
    // After fail() the batch that ran is no longer this queue's concern.
    if (this.#running === batch) await this.#runNext();
  }

  /** Refuses what is too late, then takes requests in order until the batch is full; always at least one. */
  #takeBatch(): readonly Waiting[] {
    const now = this.#options.now();
    const isLate = ({ request }: Waiting) => request.deadlineMs !== undefined && request.deadlineMs < now;
    for (const late of this.#waiting.filter(isLate)) late.reject(tooLate(late.request, now));
    this.#waiting = this.#waiting.filter((waiting) => !isLate(waiting));
    let images = 0;
    const end = this.#waiting.findIndex(({ request }) => (images += request.count) > this.#options.batchMax);
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(1, end));
  }

  #settleIdle(): void {
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #overloaded(): PipelineError {
    const runsAhead = 1 + Math.ceil(this.#waiting.length / this.#options.batchMax);
    const hintMs = Math.max(1, Math.ceil(this.#lastRunMs * runsAhead));
    const message = `model host: ${this.#waiting.length} requests wait already; try again in about ${hintMs} ms`;
    return new PipelineError('OVERLOADED', message, { retryable: true });
  }
}

function join(batch: readonly Waiting[], imageBytes: number): { pixels: Uint8Array; count: number } {
  const count = batch.reduce((sum, { request }) => sum + request.count, 0);
  // A copy in memory of its own: it is transferred to the thread, and a caller's Buffer may share its memory.
  const pixels = new Uint8Array(count * imageBytes);
  let offset = 0;
  for (const { request } of batch) {
    pixels.set(request.pixels, offset);
    offset += request.pixels.length;
  }
  return { pixels, count };
}

function answer(batch: readonly Waiting[], embeddings: Float32Array, count: number): void {
  const dimensions = embeddings.length / count;
  let row = 0;
  for (const { request, resolve } of batch) {
    resolve(embeddings.slice(row * dimensions, (row + request.count) * dimensions));
    row += request.count;
  }
}

function tooLate(request: EmbedRequest, now: number): PipelineError {
  const lateMs = Math.ceil(now - (request.deadlineMs ?? now));
  return new PipelineError(
    'DEADLINE_EXCEEDED',
    `model host: the request's deadline passed ${lateMs} ms ago in the queue`,
  );
}
