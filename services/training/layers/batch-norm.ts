/**
 * Batch normalisation (Ioffe and Szegedy, arXiv:1502.03167) over images or flat features. Training uses the batch's
 * own mean and variance and hands them out; inference uses the running averages that the trainer keeps of them.
 */
import type { Layer } from '../../../contracts/pipeline.ts';
import type { GraphBuilder, Value } from '../onnx/graph-builder.ts';
import { sizeOf, type LayerKind, type Shape } from './layer.ts';

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

const positions = (input: Shape): number => sizeOf(input.slice(1));

const perChannel = (g: GraphBuilder, input: Shape, values: Value): Value =>
  g.reshape(values, [1, -1, ...input.slice(1).map(() => 1)]);

/**
 * Mean of x * y over the positions of each image, [batch, channels]. As products of a row with a column it is a third
 * of the work of Mul and ReduceMean, because the product of all elements is never stored.
 */
function productPerImage(g: GraphBuilder, input: Shape, x: Value, y: Value): Value {
  const rows = (value: Value) => g.reshape(value, [-1, 1, positions(input)]);
  const products = g.reshape(g.productWithTransposed(rows(x), rows(y)), [-1, input[0]!]);
  return g.mul(products, g.scalar(1 / positions(input)));
}

/** Mean over the positions of each image, [batch, channels]. */
const meanPerImage = (g: GraphBuilder, input: Shape, x: Value): Value =>
  g.mean(g.reshape(x, [-1, input[0]!, positions(input)]), [2], false);

/** scale * x + shift per channel: BatchNormalization with mean 0 and variance 1, one pass where Mul and Add are two. */
function affine(g: GraphBuilder, input: Shape, x: Value, scale: Value, shift: Value): Value {
  const all = (value: number) => g.floats(new Float32Array(input[0]!).fill(value), [input[0]!]);
  const attributes = { epsilon: { float: 0 } };
  return g.node('BatchNormalization', [x, scale, shift, all(0), all(1)], { attributes });
}
