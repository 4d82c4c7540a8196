/**
 * How much arithmetic a training step holds, counted from the net. The rule: one multiplication with its addition are
 * two operations; only products of matrices count (convolutions, dense layers, the scores of the classes), each once
 * forward, once for the gradient of its weights and once for that of its input, which the first layer does not need.
 * Element-wise work counts nothing, so a share of the MatMul peak says how much of the time goes into products.
 */
import { sizeOf } from '../../services/training/layers/layer.ts';
import type { ResolvedLeaf, ResolvedNet } from '../../services/training/nets/nets.ts';

/** Floating-point operations per image: forward alone, and forward with backward. */
export function flopsPerImage(net: ResolvedNet, classes: number): { readonly forward: number; readonly step: number } {
  const products = [...net.leaves.map(productFlops).filter((flops) => flops > 0), 2 * classes * net.dimensions];
  const forward = products.reduce((sum, flops) => sum + flops, 0);
  return { forward, step: 3 * forward - products[0]! };
}

function productFlops({ layer, input, output }: ResolvedLeaf): number {
  switch (layer.type) {
    case 'conv':
      return 2 * sizeOf(output) * input[0]! * layer.kernel ** 2;
    case 'depthwise-conv':
      return 2 * sizeOf(output) * layer.kernel ** 2;
    case 'dense':
      return 2 * input[0]! * layer.units;
    case 'average-pool':
    case 'batch-norm':
    case 'dropout':
    case 'flatten':
    case 'global-average-pool':
    case 'l2-normalise':
    case 'max-pool':
    case 'prelu':
    case 'relu':
      return 0;
  }
}
