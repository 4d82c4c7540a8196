/** The latencies that a client has seen lately, and the hedges that it may send for them. No clock, no NATS. */

/** Enough for a 99th percentile that means something. */
const KEPT_MAX = 256;
const COUNTED_EVERY = 16;
/** Before there are enough: longer than a healthy replica takes, short beside any deadline. */
const P99_AT_FIRST_MS = 250;

export interface Latencies {
  /** Of the last answers. */
  readonly p99Ms: number;
  note(latencyMs: number): void;
}

export function createLatencies(): Latencies {
  const kept: number[] = [];
  let noted = 0;
  let p99Ms = P99_AT_FIRST_MS;
  return {
    get p99Ms() {
      return p99Ms;
    },
    note: (latencyMs) => {
      kept[noted % KEPT_MAX] = latencyMs;
      noted += 1;
      if (noted % COUNTED_EVERY !== 0) return;
      const sorted = [...kept].sort((a, b) => a - b);
      p99Ms = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))]!;
    },
  };
}

/** Of all requests, so many in a hundred may be sent a second time before anything is known to be wrong. */
const HEDGED_PERCENT_MAX = 10;
const SAVED_MAX = 10 * 100;

/** A share that may be saved up for a moment of need, but not for long. */
export interface Budget {
  /** One more request. */
  earn(): void;
  /** Whether there is one left to spend; it is spent. */
  spend(): boolean;
}

/** In hundredths, so that sums stay whole. */
export function createBudget(percent = HEDGED_PERCENT_MAX): Budget {
  let saved = SAVED_MAX;
  return {
    earn: () => {
      saved = Math.min(SAVED_MAX, saved + percent);
    },
    spend: () => {
      if (saved < 100) return false;
      saved -= 100;
      return true;
    },
  };
}
