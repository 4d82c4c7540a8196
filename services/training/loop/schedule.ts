/** The learning rate over a training: linear warm-up, then half a cosine (Loshchilov and Hutter, arXiv:1608.03983). */

const WARM_UP_SHARE = 0.05;
/** Share of the full rate at the end: the last passes settle instead of standing still. */
const FINAL_SHARE = 0.05;

/** `step` counts from 0 to `steps` - 1. */
export function learningRateAt(step: number, steps: number, full: number): number {
  const warmUp = Math.max(1, Math.round(WARM_UP_SHARE * steps));
  if (step < warmUp) return (full * (step + 1)) / warmUp;
  const fraction = (step - warmUp) / Math.max(1, steps - 1 - warmUp);
  return full * (FINAL_SHARE + ((1 - FINAL_SHARE) * (1 + Math.cos(Math.PI * Math.min(1, fraction)))) / 2);
}
