/**
 * Dropout (Srivastava et al., JMLR 15, 2014), "inverted": training multiplies by a mask of 0 and 1 / (1 - rate), so
 * inference does nothing. The mask is an input of the graph, drawn from the seed by masks.ts: a training that resumes
 * draws the same. No parameters.
 */
import type { Layer } from '../../../contracts/configuration/layers.ts';
import type { Value } from '../onnx/graph-writer.ts';
import type { LayerKind } from './layer.ts';

export const dropout: LayerKind<Extract<Layer, { type: 'dropout' }>> = {
  shape: ({ rate }, input) => ({ output: input, parameters: [], statistics: 0, keep: 1 - rate }),

  train(g, { output }, x, read) {
    const mask = g.reshape(read('mask'), [-1, ...output]);
    const backward = (dy: Value, wantsInput: boolean) => ({ dx: wantsInput ? g.mul(dy, mask) : null, parameters: {} });
    return { y: g.mul(x, mask), backward };
  },

  infer: (_g, _site, x) => x,
};
