/**
 * The waiting room before a model: bounded, batching, with deadlines. It knows nothing of processes or models: `run`
 * does the work, one batch at a time. A lone request never waits for company. All requests that wait when the runner
 * becomes free go as one batch; if they are several and fill no batch, they may be held for a moment (`delayMaxMs`).
 * Used by model-host.ts.
 */
import { PipelineError } from '../../../contracts/errors.ts';
import type { EmbedRequest, EmbedTimes } from '../strategy.ts';

export interface BatchQueueOptions {
  readonly queueMax: number;
  readonly batchMax: number;
  readonly delayMaxMs: number;
  /** Pixels of one image. */
  readonly imageBytes: number;
  /** Embeds [count, ...] in one go; rows of equal length come back in the same order. It may not change the pixels. */
  readonly run: (pixels: Uint8Array, count: number) => Promise<Float32Array>;
  /** How long `run` takes for so many images, as far as is known. */
  readonly expectedMs: (images: number) => number;
  /** Milliseconds, the clock of EmbedRequest.deadlineMs. */
  readonly now: () => number;
}

interface Waiting {
  readonly request: EmbedRequest;
  readonly arrivedAtMs: number;
  readonly resolve: (embeddings: Float32Array) => void;
  readonly reject: (error: unknown) => void;
}

export class BatchQueue {
  readonly #options: BatchQueueOptions;
  #waiting: Waiting[] = [];
  #running: readonly Waiting[] = [];
  #closed: PipelineError | null = null;
  #idleWaiters: (() => void)[] = [];
  #hold: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #expiryAtMs = Infinity;
  readonly #ran = { runs: 0, images: 0 };

  constructor(options: BatchQueueOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#waiting.length + this.#running.length;
  }

  /** Runs so far, and the images in them. */
  get ran(): { readonly runs: number; readonly images: number } {
    return this.#ran;
  }

  /** How long a request that came now would wait, as far as is known. */
  get waitMs(): number {
    return this.#options.expectedMs(imagesOf(this.#running) + imagesOf(this.#waiting));
  }

  submit(request: EmbedRequest): Promise<Float32Array> {
    if (this.#closed) return Promise.reject(this.#closed);
    const refusal = this.#refusalOf(request);
    if (refusal) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, arrivedAtMs: this.#options.now(), resolve, reject });
      this.#expireAt(request.deadlineMs ?? Infinity);
      if (this.#running.length === 0) this.#runOrHold();
    });
  }

  /** Refuses new requests from now on; those that wait or run are still answered. */
  close(reason: PipelineError): void {
    this.#closed ??= reason;
    if (this.#running.length === 0) this.#runOrHold();
  }

  /** Refuses new requests and those in flight. */
  fail(reason: PipelineError): void {
    this.#closed ??= reason;
    const lost = [...this.#running, ...this.#waiting];
    this.#running = [];
    this.#waiting = [];
    for (const { reject } of lost) reject(reason);
    this.#runOrHold();
  }

  /** Resolves when nothing waits or runs. */
  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  #refusalOf({ count, pixels, deadlineMs = Infinity }: EmbedRequest): Error | null {
    const expected = count * this.#options.imageBytes;
    if (count < 1 || pixels.length !== expected) {
      return new Error(`model host: ${count} images need ${expected} bytes, got ${pixels.length}`);
    }
    const now = this.#options.now();
    if (deadlineMs <= now) return tooLate(deadlineMs, now);
    return this.#waiting.length >= this.#options.queueMax ? this.#overloaded() : null;
  }

  /** Called when nothing runs: starts the next batch, now or when it has waited for company long enough. */
  #runOrHold(): void {
    clearTimeout(this.#hold);
    if (this.#waiting.length === 0) return this.#resolveIdle();
    const holdMs = this.#closed ? 0 : this.#holdMs();
    // A run answers its requests, also with an error, and never rejects.
    if (holdMs > 0) this.#hold = setTimeout(() => void this.#run(), holdMs);
    else void this.#run();
  }

  /** A lone request and a full batch go at once; others not so late that one of them would miss its deadline. */
  #holdMs(): number {
    const { batchMax, delayMaxMs, expectedMs, now } = this.#options;
    const images = imagesOf(this.#waiting);
    if (this.#waiting.length === 1 || images >= batchMax) return 0;
    const latestMs = earliestDeadline(this.#waiting) - expectedMs(images);
    return Math.min(this.#waiting[0]!.arrivedAtMs + delayMaxMs, latestMs) - now();
  }

  async #run(): Promise<void> {
    this.#expire();
    const batch = this.#takeBatch();
    if (batch.length === 0) return this.#resolveIdle();
    this.#running = batch;
    const { imageBytes, run, now } = this.#options;
    try {
      const takenAtMs = now();
      const { pixels, count } = join(batch, imageBytes);
      this.#ran.runs += 1;
      this.#ran.images += count;
      const runAtMs = now();
      const embeddings = await run(pixels, count);
      answer(batch, embeddings, { takenAtMs, runAtMs, ranAtMs: now(), images: count });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    // After fail() the batch that ran is no longer this queue's concern.
    if (this.#running !== batch) return;
    this.#running = [];
    this.#runOrHold();
  }

  /** Takes requests in order until the batch is full; always at least one. */
  #takeBatch(): readonly Waiting[] {
    let images = 0;
    const end = this.#waiting.findIndex(({ request }) => (images += request.count) > this.#options.batchMax);
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(1, end));
  }

  /** Keeps one timer, for the deadline that comes first. */
  #expireAt(deadlineMs: number): void {
    if (deadlineMs >= this.#expiryAtMs) return;
    clearTimeout(this.#expiry);
    this.#expiryAtMs = deadlineMs;
    this.#expiry = setTimeout(
      () => {
        this.#expiryAtMs = Infinity;
        this.#expire();
        this.#expireAt(earliestDeadline([...this.#waiting, ...this.#running].filter(this.#isInTime)));
      },
      Math.ceil(deadlineMs - this.#options.now()),
    );
  }

  /** Answers those whose deadline has passed, also those that run: nobody waits for them any more. */
  #expire(): void {
    const late = [...this.#waiting, ...this.#running].filter((waiting) => !this.#isInTime(waiting));
    for (const { request, reject } of late) reject(tooLate(request.deadlineMs ?? 0, this.#options.now()));
    this.#waiting = this.#waiting.filter(this.#isInTime);
  }

  readonly #isInTime = ({ request }: Waiting) => (request.deadlineMs ?? Infinity) > this.#options.now();

  #resolveIdle(): void {
    clearTimeout(this.#expiry);
    this.#expiryAtMs = Infinity;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #overloaded(): PipelineError {
    const retryAfterMs = Math.max(1, Math.ceil(this.waitMs));
    const message = `model host: ${this.#waiting.length} requests wait already; try again in about ${retryAfterMs} ms`;
    return new PipelineError('OVERLOADED', message, { retryable: true, retryAfterMs });
  }
}

const imagesOf = (requests: readonly Waiting[]) => requests.reduce((sum, { request }) => sum + request.count, 0);
const earliestDeadline = (requests: readonly Waiting[]) =>
  requests.reduce((earliest, { request }) => Math.min(earliest, request.deadlineMs ?? Infinity), Infinity);

function join(batch: readonly Waiting[], imageBytes: number): { pixels: Uint8Array; count: number } {
  const [first] = batch;
  const count = imagesOf(batch);
  if (batch.length === 1 && first) return { pixels: first.request.pixels, count };
  const pixels = new Uint8Array(count * imageBytes);
  let offset = 0;
  for (const { request } of batch) {
    pixels.set(request.pixels, offset);
    offset += request.pixels.length;
  }
  return { pixels, count };
}

function answer(batch: readonly Waiting[], embeddings: Float32Array, times: Omit<EmbedTimes, 'arrivedAtMs'>): void {
  const dimensions = embeddings.length / times.images;
  let row = 0;
  for (const { request, arrivedAtMs, resolve } of batch) {
    request.onTimes?.({ arrivedAtMs, ...times });
    resolve(embeddings.slice(row * dimensions, (row + request.count) * dimensions));
    row += request.count;
  }
}

function tooLate(deadlineMs: number, now: number): PipelineError {
  const lateMs = Math.max(0, Math.ceil(now - deadlineMs));
  return new PipelineError('DEADLINE_EXCEEDED', `model host: the request's deadline passed ${lateMs} ms ago`);
}
