/**
 * Rectifiers. relu: y = max(x, 0). prelu (He et al., arXiv:1502.01852): y = max(x, 0) + slope * min(x, 0) with one
 * learned slope per channel, [channels].
 */
import type { Layer } from '../../../contracts/pipeline.ts';
import type { GraphBuilder, Value } from '../onnx/graph-builder.ts';
import type { LayerKind, Shape } from './layer.ts';

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

  /** dx = dy where x > 0, else slope * dy; dslope = sum of dy * min(x, 0) over batch and positions. */
  train(g, { input }, x, read) {
    const slope = perChannel(g, input, read('slope'));
    const backward = (dy: Value, wantsInput: boolean) => {
      const negatives = g.mul(dy, g.node('Min', [x, g.scalar(0)]));
      const axes = [0, ...input.slice(1).map((_, axis) => axis + 2)];
      const parameters = { slope: g.sum(negatives, axes, false) };
      if (!wantsInput) return { dx: null, parameters };
      const isPositive = g.node('Greater', [x, g.scalar(0)]);
      return { dx: g.node('Where', [isPositive, dy, g.mul(dy, slope)]), parameters };
    };
    return { y: g.node('PRelu', [x, slope]), backward };
  },

  infer: (g, { input }, x, read) => g.node('PRelu', [x, perChannel(g, input, read('slope'))]),
};

/** [channels] with as many axes of size 1 after it as the input has. */
const perChannel = (g: GraphBuilder, input: Shape, slope: Value): Value =>
  g.reshape(slope, [-1, ...input.slice(1).map(() => 1)]);

/** 1 where y > 0, else 0. As fast as Where and twice as fast as Sign, which onnxruntime computes one by one. */
const positive = (g: GraphBuilder, y: Value): Value => g.castToFloat(g.node('Greater', [y, g.scalar(0)]));
