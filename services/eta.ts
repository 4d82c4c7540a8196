/**
 * How long work will still take, from how fast its fraction grew of late. Pure functions; called by the workers' progress
 * reporter, so that every progress event says it.
 */

export interface FractionAt {
  /** 0..1 */
  readonly fraction: number;
  readonly atMs: number;
}

/** Long enough for the slow and the quick parts of a pass to even out, short enough to notice a change of pace. */
const WINDOW_MS = 30_000;
/** Bounds the samples of a window. */
const SAMPLE_EVERY_MS = 500;
/** From less than this nothing can be foretold. */
const OBSERVED_MIN_MS = 1_000;

/** The samples of the window with one more; work that began anew (a smaller fraction) forgets what was before. */
export function withSample(samples: readonly FractionAt[], next: FractionAt): readonly FractionAt[] {
  const last = samples.at(-1);
  if (last === undefined || next.fraction < last.fraction) return [next];
  // The newest sample moves along until it is far enough from the one before it.
  const before = samples.at(-2);
  const isClose = before !== undefined && last.atMs - before.atMs < SAMPLE_EVERY_MS;
  const all = [...(isClose ? samples.slice(0, -1) : samples), next];
  const recent = all.findIndex(({ atMs }) => next.atMs - atMs <= WINDOW_MS);
  // One sample from before the window: where reports are rare, there is still a pair.
  return all.slice(Math.max(0, Math.min(recent - 1, all.length - 2)));
}

/** Null while nothing is known: too little was seen, or it stands still. */
export function etaMsOf(samples: readonly FractionAt[]): number | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return null;
  const [grown, tookMs] = [last.fraction - first.fraction, last.atMs - first.atMs];
  if (grown <= 0 || tookMs < OBSERVED_MIN_MS) return null;
  return Math.round(((1 - last.fraction) * tookMs) / grown);
}

/** Minutes and seconds such as `1:20`, with hours `2:01:20`. */
export function formatEta(etaMs: number): string {
  const seconds = Math.round(etaMs / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
