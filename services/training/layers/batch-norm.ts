/**
 * Batch normalisation (Ioffe and Szegedy, arXiv:1502.03167) over images or flat features. Training uses the batch's
 * own mean and variance and hands them out; inference uses the running averages that the trainer keeps of them.
 */
import type { Layer } from '../../../contracts/configuration/layers.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';
import type { LayerKind, Shape } from './layer.ts';
import { affine, perChannel, positions, sumOfProducts } from './per-channel.ts';

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
   * With c = x - mean, y = gamma * rstd * c + beta. With averages over batch and positions and a = gamma * rstd:
   * dx = a * (dy - mean(dy) - c * rstd^2 * mean(dy * c)), dgamma = rstd * sum(dy * c), dbeta = sum(dy).
   */
  train(g, { input }, x, read) {
    const mean = g.mean(x, averaged(input));
    const c = g.sub(x, mean);
    const variance = g.mean(productPerImage(g, input, c, c), [0], false);
    const rstd = g.div(g.scalar(1), g.sqrt(g.add(variance, g.scalar(BATCH_NORM_EPSILON))));
    const a = g.mul(read('gamma'), rstd);
    const y = affine(g, input, c, a, read('beta'));
    const backward = (dy: Value, wantsInput: boolean) => {
      const slopes = productPerImage(g, input, dy, c);
      const shifts = meanPerImage(g, input, dy);
      const total = (values: Value) => g.mul(g.sum(values, [0], false), g.scalar(positions(input)));
      const parameters = { gamma: g.mul(total(slopes), rstd), beta: total(shifts) };
      if (!wantsInput) return { dx: null, parameters };
      const slope = g.mul(g.mul(rstd, rstd), g.mean(slopes, [0], false));
      const taken = affine(g, input, c, g.mul(a, slope), g.mul(a, g.mean(shifts, [0], false)));
      return { dx: g.sub(g.mul(dy, perChannel(g, input, a)), taken), parameters };
    };
    return { y, statistics: [g.reshape(mean, [-1]), variance], backward };
  },

  infer(g, _site, x, read) {
    const inputs = [x, read('gamma'), read('beta'), read('mean'), read('variance')];
    return g.node('BatchNormalization', inputs, { attributes: { epsilon: { float: BATCH_NORM_EPSILON } } });
  },
};

/** The batch and, for images, height and width. */
const averaged = (input: Shape): number[] => [0, ...input.slice(1).map((_, axis) => axis + 2)];

/** Mean of x * y over the positions of each image, [batch, channels]. */
const productPerImage = (g: GraphBuilder, input: Shape, x: Value, y: Value): Value =>
  g.mul(sumOfProducts(g, input, x, y), g.scalar(1 / positions(input)));

/** Mean over the positions of each image, [batch, channels]. */
const meanPerImage = (g: GraphBuilder, input: Shape, x: Value): Value =>
  g.mean(g.reshape(x, [-1, input[0]!, positions(input)]), [2], false);
