/**
 * Batch normalisation (Ioffe and Szegedy, arXiv:1502.03167) over images or flat features. Training uses the batch's
 * own mean and variance and hands them out; inference uses the running averages that the trainer keeps of them.
 */
import type { Layer } from '../../../contracts/pipeline.ts';
import type { GraphBuilder, Value } from '../onnx/graph-builder.ts';
import type { LayerKind, Shape } from './layer.ts';

type BatchNorm = Extract<Layer, { type: 'batch-norm' }>;

/** Keeps a channel without variance from dividing by zero; the value of Keras, large enough for float32. */
export const BATCH_NORM_EPSILON = 1e-3;

export const batchNorm: LayerKind<BatchNorm> = {
  shape(_layer, input) {
    const channels = input[0]!;
    const parameters = [
      { name: 'gamma', shape: [channels], initial: { constant: 1 } },
      { name: 'beta', shape: [channels], initial: { constant: 0 } },
    ];
    return { output: input, parameters, statistics: channels };
  },

  /**
   * y = (x - mean) * a + beta with a = gamma * rstd. With c = x - mean and averages over batch and positions:
   * dx = a * (dy - mean(dy) - c * rstd^2 * mean(dy * c)), dgamma = rstd * sum(dy * c), dbeta = sum(dy).
   */
  train(g, { input }, x, read) {
    const axes = averaged(input);
    const perChannel = input.map((_, axis) => (axis === 0 ? -1 : 1));
    const mean = g.mean(x, axes);
    const centred = g.sub(x, mean);
    const variance = g.mean(g.mul(centred, centred), axes);
    const rstd = g.div(g.scalar(1), g.sqrt(g.add(variance, g.scalar(BATCH_NORM_EPSILON))));
    const a = g.mul(g.reshape(read('gamma'), [1, ...perChannel]), rstd);
    const y = g.add(g.mul(centred, a), g.reshape(read('beta'), [1, ...perChannel]));
    const backward = (dy: Value, wantsInput: boolean) => {
      const product = g.mul(dy, centred);
      const gamma = flatten(g, g.mul(g.sum(product, axes), rstd));
      const gradients = { gamma, beta: g.sum(dy, axes, false) };
      if (!wantsInput) return { dx: null, parameters: gradients };
      const slope = g.mul(g.mul(rstd, rstd), g.mean(product, axes));
      const dx = g.mul(g.sub(g.sub(dy, g.mul(centred, slope)), g.mean(dy, axes)), a);
      return { dx, parameters: gradients };
    };
    return { y, statistics: [flatten(g, mean), flatten(g, variance)], backward };
  },

  infer(g, _site, x, read) {
    const inputs = [x, read('gamma'), read('beta'), read('mean'), read('variance')];
    return g.node('BatchNormalization', inputs, { attributes: { epsilon: { float: BATCH_NORM_EPSILON } } });
  },
};

/** The batch and, for images, height and width. */
const averaged = (input: Shape): number[] => [0, ...input.slice(1).map((_, axis) => axis + 2)];

const flatten = (g: GraphBuilder, x: Value): Value => g.reshape(x, [-1]);
