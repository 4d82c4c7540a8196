/**
 * Tells a training that has blown up from one that learns slowly. Pure: loop.ts feeds it the loss of every step and
 * keeps what it answers in the checkpoints, so that a resumed training judges as the undisturbed one.
 *
 * The rule: a loss that is no finite number, or a smoothed loss that stays for SPIKE_STEPS_MAX steps in a row above its
 * own lowest value by more than half the loss of blind guessing. Half of that scale, because it does not depend on the
 * number of people or the loss; long, because a healthy training survives short spikes; beside its own minimum, because
 * a training that never learned anything has not diverged (the verifier refuses its model).
 */
import type { LossConfig } from '../../../contracts/configuration/training.ts';

export interface LossWatch {
  /** Moving average of the losses. */
  readonly smoothed: number;
  /** The lowest that the moving average has been. */
  readonly lowest: number;
  /** Steps in a row for which it has been too high. */
  readonly tooHigh: number;
}

export interface Observed {
  readonly watch: LossWatch;
  /** This loss alone raises no doubt about the weights that gave it: a checkpoint of them may be kept. */
  readonly isCalm: boolean;
  /** Why the training counts as diverged; null while it does not. */
  readonly divergence: string | null;
}

/** Of the old average per step: the mean of about the last ten steps. */
const SMOOTHING = 0.9;
const RISE_SHARE = 0.5;
/** A spike that a training survives is over sooner. */
export const SPIKE_STEPS_MAX = 100;

/** `before` is null at the first step. `chance`: chanceLoss below. */
export function observeLoss(before: LossWatch | null, loss: number, chance: number): Observed {
  const smoothed = before === null ? loss : SMOOTHING * before.smoothed + (1 - SMOOTHING) * loss;
  const lowest = before === null ? loss : Math.min(before.lowest, smoothed);
  const limit = lowest + RISE_SHARE * chance;
  const tooHigh = smoothed > limit ? (before?.tooHigh ?? 0) + 1 : 0;
  return {
    watch: { smoothed, lowest, tooHigh },
    isCalm: loss <= limit && tooHigh === 0,
    divergence: divergenceOf(loss, limit, tooHigh),
  };
}

function divergenceOf(loss: number, limit: number, tooHigh: number): string | null {
  if (!Number.isFinite(loss)) return `the loss is ${loss}`;
  return tooHigh < SPIKE_STEPS_MAX ? null : `the loss was above ${limit.toPrecision(3)} for ${tooHigh} steps`;
}

/**
 * The loss of a net that knows nothing, all cosines 0: -log of the true class's share where its logit is lowered by
 * the margin. Label smoothing is left out, which makes no difference to a scale.
 */
export function chanceLoss(loss: LossConfig, classes: number): number {
  return Math.log(1 + (classes - 1) * Math.exp(loweringOf(loss)));
}

function loweringOf(loss: LossConfig): number {
  if (loss.type === 'softmax') return 0;
  return loss.scale * (loss.type === 'cosface' ? loss.margin : Math.sin(loss.margin));
}

/** Whether every value is a number: x - x is 0 for all but NaN and the infinities. */
export function isFiniteVector(values: Float32Array): boolean {
  for (let at = 0; at < values.length; at++) if (values[at]! - values[at]! !== 0) return false;
  return true;
}
