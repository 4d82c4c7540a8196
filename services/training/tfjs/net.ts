/**
 * Forward pass and loss of a resolved net in TensorFlow.js, from the same flat parameter vector as the ONNX graph;
 * TensorFlow.js derives the gradient itself. That makes it both an engine's core and the independent judge of the
 * hand-written backward nodes in the tests. Images are NHWC here, because its CPU kernels take nothing else.
 */
import type * as Tfjs from '@tensorflow/tfjs';
import { assertNever } from '../../../contracts/errors.ts';
import type { EngineSpec } from '../engine.ts';
import { BATCH_NORM_EPSILON } from '../layers/batch-norm.ts';
import type { ResolvedLayer } from '../nets.ts';
import { NORM_EPSILON } from '../onnx/cosface.ts';
import { allSlots } from '../parameters.ts';

export type Tf = typeof Tfjs;
type T = Tfjs.Tensor;

export interface ForwardResult {
  /** [] */
  readonly loss: Tfjs.Scalar;
  /** Batch means and variances, placed as ResolvedNet says. */
  readonly statistics: Tfjs.Tensor1D;
}

/** `images` [batch, height, width, channels], z-normalised; `classes` int32 [batch]; `w` the flat vector. */
export function forward(
  tf: Tf,
  spec: EngineSpec,
  images: Tfjs.Tensor4D,
  classes: Tfjs.Tensor1D,
  w: Tfjs.Tensor1D,
): ForwardResult {
  const slots = allSlots(spec);
  const sizes = slots.map(({ size }) => size);
  const parameters = tf.split(w, sizes).map((piece, index) => tf.reshape(piece, [...slots[index]!.shape]));
  const statistics: T[] = [];
  let value: T = images;
  let first = 0;
  for (const site of spec.net.layers) {
    value = applyLayer(tf, site, value, parameters.slice(first, first + site.parameters.length), statistics);
    first += site.parameters.length;
  }
  const loss = cosFace(tf, spec, value, parameters.at(-1)!, classes);
  return { loss, statistics: statistics.length > 0 ? tf.concat1d(statistics as Tfjs.Tensor1D[]) : tf.zeros([0]) };
}

function applyLayer(tf: Tf, site: ResolvedLayer, x: T, parameters: readonly T[], statistics: T[]): T {
  const { layer } = site;
  const [first, second] = parameters;
  // Tensors carry no rank in T; resolveNet has checked that each layer gets the rank that it needs.
  const image = x as Tfjs.Tensor4D;
  switch (layer.type) {
    case 'conv': {
      const weight = tf.transpose(first!, [2, 3, 1, 0]) as Tfjs.Tensor4D;
      const y = tf.conv2d(image, weight, layer.stride, 'same');
      return second ? tf.add(y, second) : y;
    }
    case 'batch-norm':
      return batchNorm(tf, x, first!, second!, statistics);
    case 'relu':
      return tf.relu(x);
    case 'max-pool':
      return tf.maxPool(image, 2, 2, 'valid');
    case 'global-average-pool':
      return tf.mean(x, [1, 2]);
    case 'flatten':
      return tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [-1, ...site.output]);
    case 'dense': {
      const y = tf.matMul(x, first!);
      return second ? tf.add(y, second) : y;
    }
    default:
      return assertNever(layer);
  }
}

function batchNorm(tf: Tf, x: T, gamma: T, beta: T, statistics: T[]): T {
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const { mean, variance } = tf.moments(x, axes);
  statistics.push(mean, variance);
  const rstd = tf.rsqrt(tf.add(variance, BATCH_NORM_EPSILON));
  return tf.add(tf.mul(tf.sub(x, mean), tf.mul(gamma, rstd)), beta);
}

function cosFace(tf: Tf, spec: EngineSpec, embeddings: T, weights: T, classes: Tfjs.Tensor1D): Tfjs.Scalar {
  const { scale, margin } = spec.cosFace;
  const target = tf.cast(tf.oneHot(classes, spec.classes), 'float32');
  const cosine = tf.matMul(normaliseRows(tf, embeddings), normaliseRows(tf, weights), false, true);
  const logits = tf.mul(tf.sub(cosine, tf.mul(target, margin)), scale);
  return tf.mul(tf.sum(tf.mul(tf.logSoftmax(logits), target)), -1 / spec.batch) as Tfjs.Scalar;
}

function normaliseRows(tf: Tf, x: T): T {
  return tf.div(x, tf.sqrt(tf.add(tf.sum(tf.square(x), 1, true), NORM_EPSILON)));
}
