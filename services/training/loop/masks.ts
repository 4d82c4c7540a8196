/**
 * The random masks of dropout layers, drawn outside the graph from (seed, step), so that a training that resumes draws
 * what it would have drawn. Called by loop.ts before each step.
 */
import type { Batch } from '../input/batches.ts';
import type { ResolvedNet } from '../nets/nets.ts';
import { createRandom } from '../random.ts';

export interface MaskedBatch extends Batch {
  /** [count, maskCount]: 0 or 1 / keep, so that the mean of a masked value is the value itself. */
  readonly masks: Float32Array;
}

/** Apart from the streams of the first weights (0) and of the passes (1, 2, ...). */
const MASK_STREAM = -1;

/** `count` images from `first` on, as views of the same memory. */
export function partOf(batch: MaskedBatch, first: number, count: number): MaskedBatch {
  const rows = batch.classes.length;
  const part = (values: Float32Array): Float32Array => {
    const width = values.length / rows;
    return values.subarray(first * width, (first + count) * width);
  };
  const classes = batch.classes.subarray(first, first + count);
  return { images: part(batch.images), classes, masks: part(batch.masks) };
}

export function withMasks(batch: Batch, { leaves, maskCount }: ResolvedNet, seed: number, step: number): MaskedBatch {
  const masks = new Float32Array(batch.classes.length * maskCount);
  const random = createRandom(seed, MASK_STREAM, step);
  for (let row = 0; row < masks.length; row += maskCount) {
    for (const { mask } of leaves) {
      if (mask === null) continue;
      const from = row + mask.offset;
      for (let at = from; at < from + mask.size; at++) masks[at] = random() < mask.keep ? 1 / mask.keep : 0;
    }
  }
  return { ...batch, masks };
}
