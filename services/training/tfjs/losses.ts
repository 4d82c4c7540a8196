/** The losses of onnx/losses.ts in TensorFlow.js, which derives their gradients itself. Called by net.ts. */
import type * as Tfjs from '@tensorflow/tfjs';
import type { LossConfig } from '../../../contracts/configuration/training.ts';
import { SINE_EPSILON } from '../onnx/losses.ts';
import { normaliseRows } from './layers.ts';
import type { Tf } from './tf.ts';

type T = Tfjs.Tensor;

/** Mean over the batch. `embeddings` [batch, dimensions], `weights` [classes, dimensions], `classes` int32 [batch]. */
export function classificationLoss(
  tf: Tf,
  embeddings: T,
  weights: T,
  classes: Tfjs.Tensor1D,
  loss: LossConfig,
): Tfjs.Scalar {
  const count = weights.shape[0]!;
  const target: T = tf.cast(tf.oneHot(classes, count), 'float32');
  const share = loss.labelSmoothing;
  const wanted = share === 0 ? target : tf.add(tf.mul(target, 1 - share), share / count);
  const logShares = tf.logSoftmax(toLogits(tf, embeddings, weights, target, loss));
  return tf.mul(tf.sum(tf.mul(logShares, wanted)), -1 / classes.shape[0]);
}

function toLogits(tf: Tf, embeddings: T, weights: T, target: T, loss: LossConfig): T {
  if (loss.type === 'softmax') return tf.matMul(embeddings, weights, false, true);
  const cosine: T = tf.matMul(normaliseRows(tf, embeddings), normaliseRows(tf, weights), false, true);
  if (loss.type === 'cosface') return tf.mul(tf.sub(cosine, tf.mul(target, loss.margin)), loss.scale);
  return tf.mul(tf.add(cosine, tf.mul(target, tf.sub(moved(tf, cosine, loss.margin), cosine))), loss.scale);
}

/** cos(angle + margin), or what ArcFace takes for it beyond pi. */
function moved(tf: Tf, cosine: T, margin: number): T {
  const sine = tf.sqrt(tf.sub(1 + SINE_EPSILON, tf.square(cosine)));
  const shifted = tf.sub(tf.mul(cosine, Math.cos(margin)), tf.mul(sine, Math.sin(margin)));
  const beyond = tf.sub(cosine, margin * Math.sin(margin));
  // Not tf.where on a comparison: TensorFlow.js cannot differentiate past one.
  const isWithin = tf.step(tf.sub(cosine, Math.cos(Math.PI - margin)));
  return tf.add(tf.mul(isWithin, shifted), tf.mul(tf.sub(1, isWithin), beyond));
}
