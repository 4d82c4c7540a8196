/** What the process of a walled session is asked, one thing at a time, and what it answers. */
import type { Tensor } from 'onnxruntime-node';
import type { ValueShape } from '../../serving/host/model-shape.ts';

/** A tensor as it travels. */
export type Values = Pick<Tensor, 'type' | 'data' | 'dims'>;

export type ToWalled =
  /** Only reads the file's structure: what reading it takes is all that shows. */
  | { readonly type: 'read'; readonly model: Uint8Array }
  /** `threads` absent: as onnxruntime chooses. */
  | { readonly type: 'open'; readonly model: Uint8Array; readonly threads?: number }
  | {
      readonly type: 'run';
      readonly feeds: Readonly<Record<string, Values>>;
      readonly wanted: readonly string[];
    };

export type FromWalled =
  | { readonly type: 'read' }
  | { readonly type: 'opened'; readonly inputs: readonly ValueShape[]; readonly outputs: readonly ValueShape[] }
  | { readonly type: 'ran'; readonly outputs: Readonly<Record<string, Values>> }
  /** The model is at fault. */
  | { readonly type: 'failed'; readonly message: string };
