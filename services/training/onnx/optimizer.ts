/**
 * One update of the weights on flat vectors, so that it costs a dozen nodes however many layers there are. The step
 * counter stays outside: what depends on it comes in with the rate. tfjs/optimizer.ts has the same formulas.
 */
import type { OptimizerConfig } from '../../../contracts/configuration/training.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { Value } from './graph-writer.ts';

export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;
/** Keeps a gradient of zeros from dividing by zero when it is clipped. */
export const CLIP_EPSILON = 1e-12;

export interface OptimizerState {
  readonly w: Value;
  /** Adam's average of the gradients, or the velocity of SGD. */
  readonly m: Value;
  /** Adam's average of their squares; SGD leaves it alone. */
  readonly v: Value;
}

/** The values of the graph's `rates` input at step t, counted from 1: rate, 1 / (1 - beta1^t), 1 / (1 - beta2^t). */
export function ratesAt(learningRate: number, step: number): Float32Array {
  return Float32Array.of(learningRate, 1 / (1 - ADAM.beta1 ** step), 1 / (1 - ADAM.beta2 ** step));
}

/** `decay`: the weight decay of each parameter (decayOf in parameters.ts), or null for none. */
export function update(
  g: GraphBuilder,
  optimizer: OptimizerConfig,
  state: OptimizerState,
  gradient: Value,
  rates: Value,
  decay: Value | null,
): OptimizerState {
  const clipped = optimizer.clipNorm === undefined ? gradient : clip(g, gradient, optimizer.clipNorm);
  return updateBy(g, optimizer, state, clipped, rates, decay);
}

/** By a gradient that is clipped already. Value by value, so that the vectors may be cut anywhere. */
export function updateBy(
  g: GraphBuilder,
  optimizer: OptimizerConfig,
  state: OptimizerState,
  clipped: Value,
  rates: Value,
  decay: Value | null,
): OptimizerState {
  const [rate, ...corrections] = g.split(rates, [1, 1, 1]) as [Value, Value, Value];
  const pull = decay === null ? null : g.mul(decay, state.w);
  // AdamW takes the decay from the weights themselves (Loshchilov and Hutter, arXiv:1711.05101), times the rate.
  if (optimizer.type === 'adamw') {
    const next = adam(g, state, clipped, rate, corrections);
    return pull === null ? next : { ...next, w: g.sub(next.w, g.mul(rate, pull)) };
  }
  const pulled = pull === null ? clipped : g.add(clipped, pull);
  return optimizer.type === 'adam'
    ? adam(g, state, pulled, rate, corrections)
    : sgd(g, state, pulled, rate, optimizer.momentum);
}

/** Kingma and Ba, arXiv:1412.6980, algorithm 1. */
function adam(
  g: GraphBuilder,
  state: OptimizerState,
  gradient: Value,
  rate: Value,
  [correct1, correct2]: readonly [Value, Value],
): OptimizerState {
  const average = (old: Value, value: Value, beta: number) =>
    g.add(g.mul(old, g.scalar(beta)), g.mul(value, g.scalar(1 - beta)));
  const m = average(state.m, gradient, ADAM.beta1);
  const v = average(state.v, g.mul(gradient, gradient), ADAM.beta2);
  const divisor = g.add(g.sqrt(g.mul(v, correct2)), g.scalar(ADAM.epsilon));
  const w = g.sub(state.w, g.div(g.mul(m, g.mul(rate, correct1)), divisor));
  return { w, m, v };
}

/** Momentum (Polyak 1964, in the form of Goyal et al., arXiv:1706.02677, equation 9): m = momentum * m + gradient. */
function sgd(g: GraphBuilder, state: OptimizerState, gradient: Value, rate: Value, momentum: number): OptimizerState {
  const m = g.add(g.mul(state.m, g.scalar(momentum)), gradient);
  return { w: g.sub(state.w, g.mul(rate, m)), m, v: state.v };
}

/** The factor of a gradient, from the sum of its squares: as `clip`, for a gradient that comes in parts. */
export const clipFactor = (limit: number, squares: number): number =>
  Math.min(1, limit / Math.sqrt(squares + CLIP_EPSILON));

/** Pascanu et al., arXiv:1211.5063, algorithm 1: the gradient times min(1, limit / length). */
function clip(g: GraphBuilder, gradient: Value, limit: number): Value {
  const length = g.sqrt(g.add(g.sum(g.mul(gradient, gradient), [0]), g.scalar(CLIP_EPSILON)));
  return g.mul(gradient, g.node('Min', [g.scalar(1), g.div(g.scalar(limit), length)]));
}
