/**
 * The replacements that a portable graph has for operators that onnxruntime's WebGPU provider lacks or limits: it binds
 * at most a dozen buffers to one shader, has no fused product and no LogSoftmax. The same values to rounding. Called by
 * the graph builder.
 */
import type { GraphWriter, Value } from './graph-writer.ts';

/** With the output, below the limit of twelve buffers by a margin for drivers that have fewer (WebGPU promises eight). */
const CONCAT_INPUTS_MAX = 7;

export function concatInParts(g: GraphWriter, values: readonly Value[], axis: number): Value {
  if (values.length <= CONCAT_INPUTS_MAX) return g.node('Concat', values, { attributes: { axis } });
  const parts: Value[] = [];
  for (let from = 0; from < values.length; from += CONCAT_INPUTS_MAX)
    parts.push(concatInParts(g, values.slice(from, from + CONCAT_INPUTS_MAX), axis));
  return concatInParts(g, parts, axis);
}

export function splitBySlices(g: GraphWriter, x: Value, sizes: readonly number[]): Value[] {
  let from = 0;
  return sizes.map((size) => {
    const piece = g.node('Slice', [x, g.integers([from]), g.integers([from + size]), g.integers([0])]);
    from += size;
    return piece;
  });
}

export function productByTranspose(g: GraphWriter, a: Value, b: Value): Value {
  return g.node('MatMul', [a, g.node('Transpose', [b], { attributes: { perm: [0, 2, 1] } })]);
}

/** x - max - log(sum(exp(x - max))): the logarithm of a softmax would be minus infinity where a share rounds to 0. */
export function logSoftmaxByParts(g: GraphWriter, x: Value): Value {
  const lowered = g.sub(x, g.node('ReduceMax', [x], { attributes: { axes: [1], keepdims: 1 } }));
  return g.sub(lowered, g.node('Log', [g.sum(g.node('Exp', [lowered]), [1])]));
}
