/**
 * A model host runs ONE model in a process of its own. Replicas and the verifier use the same one, so that a model
 * serves as it was verified. See model-host.ts.
 */
import type { PipelineError } from '../../contracts/errors.ts';

export interface EmbedRequest {
  /** [count, channels, height, width], values 0..255. Must not change until the answer is there. */
  readonly pixels: Uint8Array;
  readonly count: number;
  /** Milliseconds of performance.now(); at that moment it is refused, whether it waits or runs. */
  readonly deadlineMs?: number | undefined;
  /** Called before the answer, if somebody wants to know. */
  readonly onTimes?: ((times: EmbedTimes) => void) | undefined;
}

/** The way of a request through a host, in milliseconds of performance.now(). */
export interface EmbedTimes {
  readonly arrivedAtMs: number;
  /** It was taken from the queue with its batch. */
  readonly takenAtMs: number;
  /** Its batch was handed to the model, and came back. */
  readonly runAtMs: number;
  readonly ranAtMs: number;
  /** In its batch. */
  readonly images: number;
}

export interface ModelHost {
  /** Length of one embedding. */
  readonly dimensions: number;
  /**
   * Rows of length 1, [count, dimensions]. Throws OVERLOADED (retryable), DEADLINE_EXCEEDED, HOST_FAILED (retryable).
   */
  embed(request: EmbedRequest): Promise<Float32Array>;
  /** Requests that wait or run. */
  readonly inFlight: number;
  /** Runs of the model so far, and the images in them. */
  readonly ran: { readonly runs: number; readonly images: number };
  /** How long a request that came now would wait before it runs, as far as is known. */
  readonly waitMs: number;
  /** Resolves when the host's process is gone and could not be replaced; stays pending as long as the host lives. */
  readonly failed: Promise<PipelineError>;
  /** Ends the process after what is in flight has been answered; its memory has returned to the system then. */
  close(): Promise<void>;
}

export interface ModelHostOptions {
  /** ONNX bytes. Throws MODEL_INVALID at start when they are not a model with the expected input and output. */
  readonly model: Uint8Array;
  readonly image: { readonly width: number; readonly height: number; readonly channels: number };
  /** Requests that may wait; one more is refused with OVERLOADED. */
  readonly queueMax: number;
  /** Images in one run of the model at most. */
  readonly batchMax: number;
  /** How long several requests that fill no batch may be held for more; absent: not at all. */
  readonly delayMaxMs?: number;
  /**
   * Done with the host before it is handed over, at the lowest priority and without a limit of time on its runs but
   * that of a first one. A rejection ends the host and comes through.
   */
  readonly prepare?: (host: ModelHost) => Promise<void>;
  /** Nothing else can answer in its place: it is opened and prepared at normal priority. */
  readonly isUrgent?: boolean;
  /** Threads inside one operator. */
  readonly threads: number;
  /** A run counts as hung after ten times what it should take, and never before this; absent: half a second. */
  readonly hangMinMs?: number;
  /** A process died or hung and is being replaced; the error says which. */
  readonly onReplaced?: (reason: PipelineError) => void;
  /** So many images are run once more, because their process was lost. */
  readonly onRetried?: (images: number) => void;
}
