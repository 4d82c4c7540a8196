/** One update of the weights on flat tensors: the formulas of onnx/optimizer.ts in TensorFlow.js. Called by engine.ts. */
import type * as Tfjs from '@tensorflow/tfjs';
import type { OptimizerConfig } from '../../../contracts/configuration/training.ts';
import { ADAM, CLIP_EPSILON, ratesAt } from '../onnx/optimizer.ts';
import type { Tf } from './tf.ts';

type Flat = Tfjs.Tensor1D;

// A type, not an interface, because tf.tidy lets only those out.
export type FlatState = { readonly w: Flat; readonly m: Flat; readonly v: Flat };

/** `decay`: the weight decay of each parameter, or null for none. `step` counts from 1. */
export function update(
  tf: Tf,
  optimizer: OptimizerConfig,
  state: FlatState,
  gradient: Flat,
  at: { readonly learningRate: number; readonly step: number },
  decay: Flat | null,
): FlatState {
  const clipped = optimizer.clipNorm === undefined ? gradient : clip(tf, gradient, optimizer.clipNorm);
  const pull = decay === null ? null : tf.mul<Flat>(decay, state.w);
  if (optimizer.type === 'adamw') {
    const next = adam(tf, state, clipped, at);
    return pull === null ? next : { ...next, w: tf.sub(next.w, tf.mul(pull, at.learningRate)) };
  }
  const pulled = pull === null ? clipped : tf.add<Flat>(clipped, pull);
  if (optimizer.type === 'adam') return adam(tf, state, pulled, at);
  const m: Flat = tf.add(tf.mul(state.m, optimizer.momentum), pulled);
  // A copy, because the engine gives the old state back after each step.
  return { w: tf.sub(state.w, tf.mul(m, at.learningRate)), m, v: tf.clone(state.v) };
}

function adam(
  tf: Tf,
  { w, m, v }: FlatState,
  gradient: Flat,
  { learningRate, step }: { readonly learningRate: number; readonly step: number },
): FlatState {
  const [rate, correct1, correct2] = ratesAt(learningRate, step) as unknown as [number, number, number]; // three of them
  const average = (old: Flat, value: Flat, beta: number): Flat => tf.add(tf.mul(old, beta), tf.mul(value, 1 - beta));
  const nextM = average(m, gradient, ADAM.beta1);
  const nextV = average(v, tf.square(gradient), ADAM.beta2);
  const divisor = tf.add(tf.sqrt(tf.mul(nextV, correct2)), ADAM.epsilon);
  const change: Flat = tf.div(tf.mul(nextM, rate * correct1), divisor);
  return { w: tf.sub(w, change), m: nextM, v: nextV };
}

function clip(tf: Tf, gradient: Flat, limit: number): Flat {
  const length = tf.sqrt(tf.add(tf.sum(tf.square(gradient)), CLIP_EPSILON));
  return tf.mul(gradient, tf.minimum(1, tf.div(limit, length)));
}
