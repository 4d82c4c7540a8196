/** Fully connected layer y = x W + b, weight [inputs, units], and flatten, which feeds it in channel-first order. */
import type { Layer } from '../../../contracts/configuration/layers.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';
import { flat, sizeOf, spatial, type LayerKind, type ParameterSpec, type Read, type Site } from './layer.ts';

type Dense = Extract<Layer, { type: 'dense' }>;

export const dense: LayerKind<Dense> = {
  shape({ units }, input, next) {
    const inputs = flat(input);
    const parameters: ParameterSpec[] = [{ name: 'weight', shape: [inputs, units], initial: { he: inputs } }];
    if (next?.type !== 'batch-norm') parameters.push({ name: 'bias', shape: [units], initial: { constant: 0 } });
    return { output: [units], parameters, statistics: 0 };
  },

  /** dx = dy W^T, dW = x^T dy, db = sum of dy over the batch. */
  train(g, site, x, read) {
    const backward = (dy: Value, wantsInput: boolean) => ({
      dx: wantsInput ? g.node('Gemm', [dy, read('weight')], { attributes: { transB: 1 } }) : null,
      parameters: {
        weight: g.node('Gemm', [x, dy], { attributes: { transA: 1 } }),
        ...(hasBias(site) && { bias: g.sum(dy, [0], false) }),
      },
    });
    return { y: forward(g, site, x, read), backward };
  },

  infer: forward,
};

export const flatten: LayerKind<Extract<Layer, { type: 'flatten' }>> = {
  shape: (_layer, input) => ({ output: [sizeOf(spatial(input))], parameters: [], statistics: 0 }),

  train(g, { input, output }, x) {
    const backward = (dy: Value, wantsInput: boolean) => ({
      dx: wantsInput ? g.reshape(dy, [-1, ...input]) : null,
      parameters: {},
    });
    return { y: g.reshape(x, [-1, ...output]), backward };
  },

  infer: (g, { output }, x) => g.reshape(x, [-1, ...output]),
};

function forward(g: GraphBuilder, site: Site<Dense>, x: Value, read: Read): Value {
  return g.node('Gemm', hasBias(site) ? [x, read('weight'), read('bias')] : [x, read('weight')]);
}

const hasBias = (site: Site<Dense>): boolean => site.parameters.some(({ name }) => name === 'bias');
