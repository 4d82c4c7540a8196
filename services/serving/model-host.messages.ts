/** What a model host and its thread say to each other. One run is under way at a time, so answers need no ids. */
import type { ModelHostOptions } from './strategy.ts';

export type HostThreadData = Pick<ModelHostOptions, 'model' | 'image' | 'batchMax' | 'threads'>;

export type ToThread =
  | { readonly type: 'run'; readonly pixels: Uint8Array; readonly count: number }
  /** Ends the thread. Sent only when nothing runs. */
  | { readonly type: 'close' };

export type FromThread =
  | { readonly type: 'ready'; readonly dimensions: number }
  | { readonly type: 'invalid'; readonly message: string }
  | { readonly type: 'answer'; readonly embeddings: Float32Array }
  | { readonly type: 'run-failed'; readonly message: string };
