/** The messages between face-threads.ts and its threads. Each question has one answer; a thread has one at a time. */
import type { ImageSpec } from '../../../contracts/dataset.ts';
import type { Failure } from '../../../contracts/errors.ts';
import type { FoundFace } from './stage.ts';

export interface FaceThreadData {
  /** Of `withSettings`. */
  readonly file: Uint8Array;
}

export type ToFaceThread =
  | { readonly type: 'find'; readonly bytes: Uint8Array; readonly spec: ImageSpec; readonly what: string }
  | { readonly type: 'close' };

export type FromFaceThread =
  | { readonly type: 'ready' }
  | { readonly type: 'found'; readonly found: FoundFace }
  | { readonly type: 'failed'; readonly failure: Failure };
