/** The forward formula of each kind of layer in TensorFlow.js, on NHWC images. Called by net.ts. */
import type * as Tfjs from '@tensorflow/tfjs';
import { assertNever } from '../../../contracts/errors.ts';
import { BATCH_NORM_EPSILON } from '../layers/batch-norm.ts';
import { NORM_EPSILON } from '../layers/l2-normalise.ts';
import { blockSize } from '../layers/pooling.ts';
import type { ResolvedLeaf } from '../nets/nets.ts';
import type { Tf } from './tf.ts';

type T = Tfjs.Tensor;

export interface LeafInputs {
  /** This layer's own, in their order. */
  readonly parameters: readonly T[];
  /** [batch, maskCount] */
  readonly masks: Tfjs.Tensor2D;
  /** Batch means and variances so far; batch-norm adds its own. */
  readonly statistics: T[];
}

export function applyLeaf(tf: Tf, leaf: ResolvedLeaf, x: T, { parameters, masks, statistics }: LeafInputs): T {
  const { layer } = leaf;
  const [first, second] = parameters;
  // Tensors carry no rank in T; resolveNet has checked that each layer gets the rank that it needs.
  const image = x as Tfjs.Tensor4D;
  const biased = (y: T): T => (second ? tf.add(y, second) : y);
  switch (layer.type) {
    case 'conv': {
      const weight = tf.transpose(first!, [2, 3, 1, 0]) as Tfjs.Tensor4D;
      return biased(tf.conv2d(image, weight, layer.stride, layer.pad ?? 'same', 'NHWC', 1, rounding(layer)));
    }
    case 'depthwise-conv': {
      const weight = tf.transpose(first!, [2, 3, 0, 1]) as Tfjs.Tensor4D;
      return biased(tf.depthwiseConv2d(image, weight, layer.stride, layer.pad ?? 'same', 'NHWC', 1, rounding(layer)));
    }
    case 'batch-norm':
      return batchNorm(tf, x, first!, second!, statistics);
    case 'relu':
      return tf.relu(x);
    case 'prelu':
      return tf.prelu(x, first!);
    case 'max-pool':
      return tf.maxPool(image, blockSize(layer), blockSize(layer), 'valid');
    case 'average-pool':
      return tf.avgPool(image, blockSize(layer), blockSize(layer), 'valid');
    case 'global-average-pool':
      return tf.mean(x, [1, 2]);
    case 'flatten':
      return tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [-1, ...leaf.output]);
    case 'dense':
      return biased(tf.matMul(x, first!));
    case 'dropout':
      return tf.mul(x, maskOf(tf, leaf, masks));
    case 'l2-normalise':
      return normaliseRows(tf, x);
    default:
      return assertNever(layer);
  }
}

export function normaliseRows(tf: Tf, x: T): T {
  return tf.div(x, tf.sqrt(tf.add(tf.sum(tf.square(x), 1, true), NORM_EPSILON)));
}

/** With a number as padding TensorFlow.js wants to know how an incomplete last window counts. */
const rounding = ({ pad }: { readonly pad?: number | undefined }) => (pad === undefined ? undefined : 'floor');

function batchNorm(tf: Tf, x: T, gamma: T, beta: T, statistics: T[]): T {
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const { mean, variance } = tf.moments(x, axes);
  statistics.push(mean, variance);
  const rstd = tf.rsqrt(tf.add(variance, BATCH_NORM_EPSILON));
  return tf.add(tf.mul(tf.sub(x, mean), tf.mul(gamma, rstd)), beta);
}

/** Masks lie channel first, as in the ONNX graph. */
function maskOf(tf: Tf, { mask, output }: ResolvedLeaf, masks: Tfjs.Tensor2D): T {
  const own = tf.reshape(tf.slice(masks, [0, mask!.offset], [-1, mask!.size]), [-1, ...output]);
  return output.length === 1 ? own : tf.transpose(own, [0, 2, 3, 1]);
}
