/**
 * One Adam update (Kingma and Ba, arXiv:1412.6980, algorithm 1) on flat vectors, so that it costs a dozen nodes
 * however many layers there are. The step counter stays outside: its two corrections come in with the rate.
 */
import type { GraphBuilder, Value } from './graph-builder.ts';

export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

export interface AdamState {
  readonly w: Value;
  readonly m: Value;
  readonly v: Value;
}

/** What the graph's `rates` input holds at step t, counted from 1: rate, 1 / (1 - beta1^t), 1 / (1 - beta2^t). */
export function adamRates(learningRate: number, step: number): Float32Array {
  return Float32Array.of(learningRate, 1 / (1 - ADAM.beta1 ** step), 1 / (1 - ADAM.beta2 ** step));
}

export function adam(g: GraphBuilder, state: AdamState, gradient: Value, rates: Value): AdamState {
  const [rate, correct1, correct2] = g.nodes('Split', [rates, g.integers([1, 1, 1])], 3) as [Value, Value, Value];
  const average = (old: Value, value: Value, beta: number) =>
    g.add(g.mul(old, g.scalar(beta)), g.mul(value, g.scalar(1 - beta)));
  const m = average(state.m, gradient, ADAM.beta1);
  const v = average(state.v, g.mul(gradient, gradient), ADAM.beta2);
  const divisor = g.add(g.sqrt(g.mul(v, correct2)), g.scalar(ADAM.epsilon));
  const w = g.sub(state.w, g.div(g.mul(m, g.mul(rate, correct1)), divisor));
  return { w, m, v };
}
