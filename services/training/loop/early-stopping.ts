/**
 * When passes no longer improve the validation figure, and which pass was the best. Pure, over the curve so far; called
 * by loop.ts after each pass.
 */
import type { TrainingConfig } from '../../../contracts/configuration/training.ts';
import type { CurvePoint } from '../../../contracts/training.ts';

type EarlyStopping = NonNullable<TrainingConfig['earlyStopping']>;

/**
 * The number (from 1) of the last pass that improved the figure by more than `minDelta`; 0 where nothing was validated.
 */
export function bestEpochOf(curve: readonly CurvePoint[], { metric, minDelta }: EarlyStopping): number {
  let best = { epoch: 0, score: -Infinity };
  for (const { epoch, validationRank1, validationLoss } of curve) {
    const value = metric === 'rank-1' ? validationRank1 : validationLoss;
    if (value === null || value === undefined) continue;
    const score = metric === 'rank-1' ? value : -value;
    if (best.epoch === 0 || score > best.score + minDelta) best = { epoch, score };
  }
  return best.epoch;
}

/** Whether `patience` passes have gone by since the best one. */
export function isStalled(curve: readonly CurvePoint[], settings: EarlyStopping): boolean {
  const best = bestEpochOf(curve, settings);
  return best > 0 && curve.length - best >= settings.patience;
}
