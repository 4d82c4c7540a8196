/**
 * Learns from a model's runs how long it takes per image, and tells from that how long a request will wait, and when a
 * run counts as hung. Mean and deviation are smoothed as TCP does with round trips (RFC 6298, section 2). Pure but for
 * the two numbers it keeps.
 */

/** Of the newest run, in mean and deviation: the constants of RFC 6298. */
const MEAN_SHARE = 1 / 8;
const DEVIATION_SHARE = 1 / 4;
/** A run that takes so many times the longest that is to be expected will not end. */
const HANG_FACTOR = 10;
/** Before anything was measured: the longest that a first run may take, memory planning and page faults included. */
const FIRST_RUN_LIMIT_MS = 60_000;

export class RunTimes {
  #meanMs: number | null = null;
  #deviationMs = 0;

  note(images: number, durationMs: number): void {
    const perImageMs = durationMs / images;
    if (this.#meanMs === null) {
      this.#meanMs = perImageMs;
      this.#deviationMs = perImageMs / 2;
      return;
    }
    this.#deviationMs += DEVIATION_SHARE * (Math.abs(this.#meanMs - perImageMs) - this.#deviationMs);
    this.#meanMs += MEAN_SHARE * (perImageMs - this.#meanMs);
  }

  /** How long so many images take; 0 before the first run. */
  expectedMs(images: number): number {
    return images * (this.#meanMs ?? 0);
  }

  /** From when on a run of so many images counts as hung; never less than `leastMs`. */
  limitMs(images: number, leastMs: number): number {
    if (this.#meanMs === null) return FIRST_RUN_LIMIT_MS;
    return Math.max(leastMs, HANG_FACTOR * images * (this.#meanMs + 4 * this.#deviationMs));
  }
}
