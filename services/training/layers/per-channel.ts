/**
 * Arithmetic with one value per channel, in the forms that onnxruntime's kernels are fast at. For images `input` is
 * [channels, height, width], for flat features [features]. Used by batch-norm.ts and relu.ts.
 */
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';
import { sizeOf, type Shape } from './layer.ts';

/** Height times width; 1 for flat features. */
export const positions = (input: Shape): number => sizeOf(input.slice(1));

/** [channels] with axes of size 1 where the input has its batch and its positions. */
export const perChannel = (g: GraphBuilder, input: Shape, values: Value): Value =>
  g.reshape(values, [1, -1, ...input.slice(1).map(() => 1)]);

/** scale * x + shift per channel: BatchNormalization with mean 0 and variance 1, one pass where Mul and Add are two. */
export function affine(g: GraphBuilder, input: Shape, x: Value, scale: Value, shift: Value): Value {
  const all = (value: number) => g.floats(new Float32Array(input[0]!).fill(value), [input[0]!]);
  const attributes = { epsilon: { float: 0 } };
  return g.node('BatchNormalization', [x, scale, shift, all(0), all(1)], { attributes });
}

/**
 * Sum of x * y over the positions of each image, [batch, channels]. As products of a row with a column it is a third
 * of the work of Mul and ReduceSum, because the product of all elements is never stored.
 */
export function sumOfProducts(g: GraphBuilder, input: Shape, x: Value, y: Value): Value {
  const rows = (value: Value) => g.reshape(value, [-1, 1, positions(input)]);
  return g.reshape(g.productWithTransposed(rows(x), rows(y)), [-1, input[0]!]);
}
