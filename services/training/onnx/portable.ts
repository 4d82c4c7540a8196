/**
 * What a portable graph has in place of operators that onnxruntime's WebGPU provider lacks or limits: it binds at most
 * a dozen buffers to one shader, has no fused product, no LogSoftmax, and a MaxPool without indices. The same values to
 * rounding, with the same gradient where several pixels are equally large. Called by the graph builder and the pools.
 */
import type { GraphBuilder, Value } from './graph-builder.ts';

/** With the output, below the limit of twelve buffers by a margin for drivers that have fewer (WebGPU promises eight). */
const CONCAT_INPUTS_MAX = 7;

export function concatInParts(g: GraphBuilder, values: readonly Value[], axis: number): Value {
  if (values.length <= CONCAT_INPUTS_MAX) return g.node('Concat', values, { attributes: { axis } });
  const parts: Value[] = [];
  for (let from = 0; from < values.length; from += CONCAT_INPUTS_MAX)
    parts.push(concatInParts(g, values.slice(from, from + CONCAT_INPUTS_MAX), axis));
  return concatInParts(g, parts, axis);
}

export function splitBySlices(g: GraphBuilder, x: Value, sizes: readonly number[]): Value[] {
  let from = 0;
  return sizes.map((size) => {
    const piece = g.node('Slice', [x, g.integers([from]), g.integers([from + size]), g.integers([0])]);
    from += size;
    return piece;
  });
}

export function productByTranspose(g: GraphBuilder, a: Value, b: Value): Value {
  return g.node('MatMul', [a, g.node('Transpose', [b], { attributes: { perm: [0, 2, 1] } })]);
}

/** x - max - log(sum(exp(x - max))): the logarithm of a softmax would be minus infinity where a share rounds to 0. */
export function logSoftmaxByParts(g: GraphBuilder, x: Value): Value {
  const lowered = g.sub(x, g.node('ReduceMax', [x], { attributes: { axes: [1], keepdims: 1 } }));
  return g.sub(lowered, g.node('Log', [g.sum(g.node('Exp', [lowered]), [1])]));
}

/**
 * Max-pooling's gradient without indices: of each block of `size` x `size` pixels of `x`, the first that equals the
 * maximum `y` gets `dy`. `output`: [channels, height, width] of `y`. What lies outside the blocks is left out.
 */
export function unpoolByComparison(
  g: GraphBuilder,
  { x, y, dy }: { readonly x: Value; readonly y: Value; readonly dy: Value },
  size: number,
  output: readonly [channels: number, height: number, width: number],
): Value {
  const [channels, height, width] = output;
  let free = g.scalar(1);
  const rows = Array.from({ length: size }, (_, i) => {
    const pixels = Array.from({ length: size }, (_, j) => {
      const ends = [i + size * (height - 1) + 1, j + size * (width - 1) + 1];
      const view = g.node('Slice', [x, ...[[i, j], ends, [2, 3], [size, size]].map((list) => g.integers(list))]);
      const isFirst = g.mul(g.castToFloat(g.node('Equal', [view, y])), free);
      free = g.sub(free, isFirst);
      return g.reshape(g.mul(dy, isFirst), [-1, channels, height, width, 1]);
    });
    return g.reshape(g.concat(pixels, 4), [-1, channels, height, 1, width * size]);
  });
  return g.reshape(g.concat(rows, 3), [-1, channels, height * size, width * size]);
}
