/**
 * Rectifiers. relu: y = max(x, 0). prelu (He et al., arXiv:1502.01852): y = max(x, 0) + slope * min(x, 0) with one
 * learned slope per channel, [channels].
 */
import type { Layer } from '../../../contracts/configuration/layers.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';
import type { LayerKind, Shape } from './layer.ts';
import { affine, perChannel, sumOfProducts } from './per-channel.ts';

export const relu: LayerKind<Extract<Layer, { type: 'relu' }>> = {
  shape: (_layer, input) => ({ output: input, parameters: [], statistics: 0 }),

  /** The gradient passes where y is positive. */
  train(g, _site, x) {
    const y = g.node('Relu', [x]);
    const backward = (dy: Value, wantsInput: boolean) => ({
      dx: wantsInput ? g.mul(dy, positive(g, y)) : null,
      parameters: {},
    });
    return { y, backward };
  },

  infer: (g, _site, x) => g.node('Relu', [x]),
};

/** Where the slopes start, by the paper. */
const SLOPE_START = 0.25;

export const prelu: LayerKind<Extract<Layer, { type: 'prelu' }>> = {
  shape(_layer, input) {
    const parameters = [{ name: 'slope', shape: [input[0]!], initial: { constant: SLOPE_START } }];
    return { output: input, parameters, statistics: 0 };
  },

  /**
   * With m = 1 where x > 0, else 0: dx = dy * (slope + (1 - slope) * m), dslope = sum of dy * min(x, 0) over batch and
   * positions.
   */
  train(g, { input }, x, read) {
    const slope = read('slope');
    const backward = (dy: Value, wantsInput: boolean) => {
      const slopes = sumOfProducts(g, input, dy, g.node('Min', [x, g.scalar(0)]));
      const parameters = { slope: g.sum(slopes, [0], false) };
      if (!wantsInput) return { dx: null, parameters };
      const rates = affine(g, input, positive(g, x), g.sub(g.scalar(1), slope), slope);
      return { dx: g.mul(dy, rates), parameters };
    };
    return { y: rectified(g, input, x, slope), backward };
  },

  infer: (g, { input }, x, read) => g.node('PRelu', [x, perChannel(g, input, read('slope'))]),
};

/**
 * As passes over memory, which take half the time of the node PRelu in a large pass: its kernel goes value by value. In a
 * model that serves there is no difference to speak of, and the node says more.
 */
function rectified(g: GraphBuilder, input: Shape, x: Value, slope: Value): Value {
  const negatives = g.node('Min', [x, g.scalar(0)]);
  return g.add(g.node('Relu', [x]), g.mul(negatives, perChannel(g, input, slope)));
}

/** 1 where x > 0, else 0. As fast as Where and twice as fast as Sign, which onnxruntime computes one by one. */
const positive = (g: GraphBuilder, x: Value): Value => g.castToFloat(g.node('Greater', [x, g.scalar(0)]));
