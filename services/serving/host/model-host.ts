/**
 * Runs one model in a process of its own: queue and batching here (batch-queue.ts), the ONNX session there
 * (model-host.process.ts). The host outlives its processes: a process that dies or hangs is killed and replaced, and
 * the batch it had is run once more, on the replacement. Used by replicas and by the verifier.
 */
import { PipelineError } from '../../../contracts/errors.ts';
import { restorePriority } from '../../../runtime/priority.ts';
import { retry, type RetryPolicy } from '../../../runtime/retry.ts';
import { BatchQueue } from './batch-queue.ts';
import { hostHome } from './host-home.ts';
import { HostGone, type HostProcess } from './host-process.ts';
import { freshProcesses, type HostProcesses } from './host-spares.ts';
import { writeModelFile, type ModelFile } from './model-file.ts';
import { RunTimes } from './run-times.ts';
import type { ModelHost, ModelHostOptions } from '../strategy.ts';

/** A model that three processes in a row could not open will not open: the memory is gone, or the file. */
const REPLACEMENT: RetryPolicy = { attemptsMax: 3, pauseMs: 0, isWorthIt: () => true };
/** Shorter, and a machine that is merely busy loses good processes. */
export const HANG_MIN_MS = 500;

/** Throws MODEL_INVALID, DISK_FULL, or HOST_FAILED when no process starts. */
export async function createModelHost(
  options: ModelHostOptions,
  processes: HostProcesses = freshProcesses,
): Promise<ModelHost> {
  const file = await writeModelFile(options.model, (await hostHome()).folder);
  try {
    const opened = await open(options, file, processes, options.isUrgent ?? false);
    return await prepared(new SupervisedHost(options, processes, file, opened), options);
  } catch (error) {
    await file.remove();
    throw error instanceof HostGone ? failure(error.message, error) : error;
  }
}

async function prepared(host: SupervisedHost, { prepare }: ModelHostOptions): Promise<ModelHost> {
  try {
    await prepare?.(host);
    await host.promote();
    return host;
  } catch (error) {
    await host.close();
    throw error;
  }
}

interface Opened {
  readonly process: HostProcess;
  readonly dimensions: number;
}

/**
 * The process opens the model at the low priority that it keeps, unless that is urgent. Throws MODEL_INVALID or
 * HostGone.
 */
async function open(
  { image, batchMax, threads }: ModelHostOptions,
  { path }: ModelFile,
  processes: HostProcesses,
  isUrgent: boolean,
): Promise<Opened> {
  let process: HostProcess | undefined;
  try {
    process = await processes.take();
    if (isUrgent) restorePriority(process.pid);
    return { process, dimensions: await process.load({ path, image, batchMax, threads }) };
  } catch (error) {
    await process?.kill();
    throw error;
  } finally {
    processes.modelLoaded();
  }
}

class SupervisedHost implements ModelHost {
  readonly dimensions: number;
  readonly failed: Promise<PipelineError>;
  readonly #options: ModelHostOptions;
  readonly #processes: HostProcesses;
  readonly #file: ModelFile;
  readonly #queue: BatchQueue;
  readonly #times = new RunTimes();
  #markFailed: (error: PipelineError) => void = () => {};
  /** The process to ask; while one is replaced, the one that is being opened. */
  #current: Promise<HostProcess>;
  #isClosed = false;
  #isPreparing = true;

  constructor(options: ModelHostOptions, processes: HostProcesses, file: ModelFile, { process, dimensions }: Opened) {
    this.#options = options;
    this.#processes = processes;
    this.#file = file;
    this.dimensions = dimensions;
    this.failed = new Promise((resolve) => (this.#markFailed = resolve));
    const { width, height, channels } = options.image;
    this.#queue = new BatchQueue({
      queueMax: options.queueMax,
      batchMax: options.batchMax,
      delayMaxMs: options.delayMaxMs ?? 0,
      imageBytes: width * height * channels,
      run: (pixels, count) => this.#run(pixels, count),
      expectedMs: (images) => this.#times.expectedMs(images),
      now: () => performance.now(),
    });
    this.#current = this.#watched(process);
  }

  get inFlight(): number {
    return this.#queue.inFlight;
  }

  get ran(): ModelHost['ran'] {
    return this.#queue.ran;
  }

  get waitMs(): number {
    return this.#queue.waitMs;
  }

  /** It serves from now on, at normal priority. */
  async promote(): Promise<void> {
    const { pid } = await this.#current;
    restorePriority(pid);
    this.#isPreparing = false;
  }

  embed: ModelHost['embed'] = (request) => this.#queue.submit(request);

  async close(): Promise<void> {
    this.#queue.close(failure('it has been closed'));
    await this.#queue.idle();
    this.#isClosed = true;
    await this.#current.then(
      (process) => process.kill(),
      () => {}, // Told as `failed`.
    );
    await this.#file.remove();
  }

  async #run(pixels: Uint8Array, count: number): Promise<Float32Array> {
    const process = await this.#current;
    try {
      return await this.#runOn(process, pixels, count);
    } catch (error) {
      if (!(error instanceof HostGone)) throw error;
      this.#replace(process, error, count);
    }
    const replacement = await this.#current;
    try {
      return await this.#runOn(replacement, pixels, count);
    } catch (error) {
      if (!(error instanceof HostGone)) throw error;
      this.#replace(replacement, error, 0);
      throw failure(`${error.message}, and it was the second for these images`, error);
    }
  }

  async #runOn(process: HostProcess, pixels: Uint8Array, count: number): Promise<Float32Array> {
    const startedAt = performance.now();
    const limitMs = this.#times.limitMs(count, this.#options.hangMinMs ?? HANG_MIN_MS);
    const embeddings = await process.run(pixels, count, limitMs);
    // The time of a run at the lowest priority says how busy others are.
    if (!this.#isPreparing) this.#times.note(count, performance.now() - startedAt);
    return embeddings;
  }

  /**
   * A process that dies while it has nothing to do is replaced as well, so that the next request does not pay for it.
   */
  async #watched(process: HostProcess): Promise<HostProcess> {
    // `ended` tells the reason and never rejects.
    void process.ended.then((gone) => this.#replace(process, gone, 0));
    this.#process = process;
    return process;
  }

  /** The process that serves or served last, so that a death heard twice is replaced once. */
  #process: HostProcess | null = null;

  #replace(lost: HostProcess, reason: HostGone, imagesRetried: number): void {
    if (imagesRetried > 0) this.#options.onRetried?.(imagesRetried);
    if (this.#process !== lost || this.#isClosed) return;
    this.#process = null;
    this.#options.onReplaced?.(failure(reason.message, reason));
    this.#current = this.#reopen(lost);
    // A call that waits for it hears it; if none does, `failed` tells.
    this.#current.catch(() => {});
  }

  async #reopen(lost: HostProcess): Promise<HostProcess> {
    // Not awaited: a process that is stuck in the kernel may take its time, the requests may not.
    void lost.kill();
    try {
      return await retry(REPLACEMENT, async () => {
        const { process } = await open(this.#options, this.#file, this.#processes, true);
        return this.#watched(process);
      });
    } catch (cause) {
      const error = failure(`it could not be replaced: ${(cause as Error).message}`, cause);
      this.#queue.fail(error);
      this.#markFailed(error);
      throw error;
    }
  }
}

const failure = (why: string, cause?: unknown) =>
  new PipelineError('HOST_FAILED', `model host: ${why}`, { retryable: true, cause });
