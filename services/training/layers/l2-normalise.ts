/**
 * Scales each row of flat features to length 1: y = x / |x|, dx = (dy - y * (y . dy)) / |x| (Wang et al.,
 * arXiv:1704.06369, equations 6 and 7). The angular losses and the exported model use the same nodes. No parameters.
 */
import type { Layer } from '../../../contracts/configuration/layers.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';
import { flat, type LayerKind } from './layer.ts';

/** Keeps a row of zeros from dividing by zero; far below the squared length of any real row. */
export const NORM_EPSILON = 1e-12;

export const l2Normalise: LayerKind<Extract<Layer, { type: 'l2-normalise' }>> = {
  shape: (_layer, input) => ({ output: [flat(input)], parameters: [], statistics: 0 }),

  train(g, _site, x) {
    const rows = normaliseRows(g, x);
    const backward = (dy: Value, wantsInput: boolean) => ({
      dx: wantsInput ? rows.backward(dy) : null,
      parameters: {},
    });
    return { y: rows.y, backward };
  },

  infer: (g, _site, x) => normaliseRows(g, x).y,
};

/** `x` [rows, features]. */
export function normaliseRows(g: GraphBuilder, x: Value): { y: Value; backward: (dy: Value) => Value } {
  const length = g.sqrt(g.add(g.sum(g.mul(x, x), [1]), g.scalar(NORM_EPSILON)));
  const y = g.div(x, length);
  const backward = (dy: Value) => g.div(g.sub(dy, g.mul(y, g.sum(g.mul(y, dy), [1]))), length);
  return { y, backward };
}
