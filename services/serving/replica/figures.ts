/** A replica's figures of one release: requests, failures, latency. Clients' own mistakes are not counted. */
import { build } from 'hdr-histogram-js';
import {
  LATENCY_BOUNDS_MS,
  type DecisionCounts,
  type Scores,
  type ReleaseFigures,
} from '../../../contracts/replica.ts';

export interface Figures {
  /** `margin`: how far the reply's score lies above the threshold; null, as `decision`, for a reply without a score. */
  answered(latencyMs: number, margin: number | null, decision: keyof DecisionCounts | null): void;
  failed(): void;
  snapshot(): ReleaseFigures;
}

/** A minute in microseconds: no request is allowed to take that long. */
const LATENCY_US_MAX = 60_000_000;

export function createFigures(): Figures {
  // To a hundredth, in plain counters: 11 KB per release. They are read once a second and at each switch by the thread
  // that answers; packed ones to a thousandth took that thread 20 ms each time, these a tenth of one.
  const histogram = build({
    bitBucketSize: 32,
    highestTrackableValue: LATENCY_US_MAX,
    numberOfSignificantValueDigits: 2,
  });
  const scores = createMoments();
  const latencyCounts = [...LATENCY_BOUNDS_MS.map(() => 0), 0];
  const decisions = { known: 0, unknown: 0, matched: 0, wrongClaims: 0 };
  let latencySumMs = 0;
  let answered = 0;
  let failed = 0;
  // A quantile is that of its bucket, which may end a little above the largest value.
  const quantileMs = (percent: number) => Math.min(histogram.maxValue, histogram.getValueAtPercentile(percent)) / 1000;
  return {
    answered: (latencyMs, margin, decision) => {
      answered += 1;
      latencySumMs += latencyMs;
      const bound = LATENCY_BOUNDS_MS.findIndex((it) => latencyMs <= it);
      latencyCounts[bound === -1 ? LATENCY_BOUNDS_MS.length : bound]! += 1;
      if (decision !== null) decisions[decision] += 1;
      if (margin !== null) scores.add(margin);
      histogram.recordValue(Math.min(LATENCY_US_MAX, Math.round(latencyMs * 1000)));
    },
    failed: () => {
      failed += 1;
    },
    snapshot: () => ({
      requests: answered + failed,
      failed,
      scores: scores.read(),
      ...{ latencyCounts: [...latencyCounts], latencySumMs, decisions: { ...decisions } },
      latencyMs:
        answered === 0
          ? null
          : { p50: quantileMs(50), p95: quantileMs(95), p99: quantileMs(99), max: histogram.maxValue / 1000 },
    }),
  };
}

/** Running mean and standard deviation after B. P. Welford, "Note on a method for calculating corrected sums", 1962. */
function createMoments(): { add(value: number): void; read(): Scores | null } {
  let count = 0;
  let mean = 0;
  let squares = 0;
  return {
    add: (value) => {
      count += 1;
      const difference = value - mean;
      mean += difference / count;
      squares += difference * (value - mean);
    },
    read: () => (count === 0 ? null : { count, mean, deviation: Math.sqrt(squares / count) }),
  };
}
