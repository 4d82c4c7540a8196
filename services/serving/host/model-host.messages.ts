/**
 * The messages between a model host and its process, after the process has said its name. A single request is under way
 * at a time, so answers need no ids.
 */
import type { ModelHostOptions } from '../strategy.ts';

export interface LoadRequest extends Pick<ModelHostOptions, 'image' | 'batchMax' | 'threads'> {
  /** An ONNX file. */
  readonly path: string;
}

export type ToProcess =
  | ({ readonly type: 'load' } & LoadRequest)
  | { readonly type: 'run'; readonly pixels: Uint8Array; readonly count: number };

export type FromProcess =
  | { readonly type: 'loaded'; readonly dimensions: number }
  | { readonly type: 'invalid'; readonly message: string }
  | { readonly type: 'answer'; readonly embeddings: Float32Array }
  | { readonly type: 'run-failed'; readonly message: string };
