/** Rectifier: y = max(x, 0). Its gradient passes where y is positive. No parameters. */
import type { Layer } from '../../../contracts/pipeline.ts';
import type { Value } from '../onnx/graph-builder.ts';
import type { LayerKind } from './layer.ts';

type Relu = Extract<Layer, { type: 'relu' }>;

export const relu: LayerKind<Relu> = {
  shape: (_layer, input) => ({ output: input, parameters: [], statistics: 0 }),

  train(g, _site, x) {
    const y = g.node('Relu', [x]);
    // Sign of a value that is never negative is the 0/1 mask, and one pass cheaper than a comparison and Where.
    const backward = (dy: Value, wantsInput: boolean) => ({
      dx: wantsInput ? g.mul(dy, g.node('Sign', [y])) : null,
      parameters: {},
    });
    return { y, backward };
  },

  infer: (g, _site, x) => g.node('Relu', [x]),
};
