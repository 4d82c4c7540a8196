/**
 * A model host runs ONE model off the calling thread. The server and the verifier use the same one, so that what is
 * verified is what serves. See model-host.ts.
 */
import type { PipelineError } from '../../contracts/errors.ts';

export interface EmbedRequest {
  /** [count, channels, height, width], values 0..255. Must not change until the answer is there. */
  readonly pixels: Uint8Array;
  readonly count: number;
  /** Milliseconds of performance.now(); a request that cannot be started by then is refused. */
  readonly deadlineMs?: number | undefined;
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
  /** Resolves when the thread ended without having been asked to; stays pending as long as the host lives. */
  readonly failed: Promise<PipelineError>;
  /** Ends the thread after what is in flight has been answered; its memory returns to the system. */
  close(): Promise<void>;
}

export interface ModelHostOptions {
  /** ONNX bytes. Throws MODEL_INVALID at start when they are not a model with the expected input and output. */
  readonly model: Uint8Array;
  readonly image: { readonly width: number; readonly height: number; readonly channels: number };
  /** Requests that may wait; beyond, OVERLOADED. */
  readonly queueMax: number;
  /** Images in one run of the model at most. */
  readonly batchMax: number;
  /** Threads inside one operator. */
  readonly threads: number;
}
