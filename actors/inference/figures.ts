/** What a replica counts of one epoch: requests, failures, latency. Clients' own mistakes are not counted. */
import { build } from 'hdr-histogram-js';
import type { ReplicaStatus } from '../../contracts/values.ts';

export interface Figures {
  answered(latencyMs: number): void;
  failed(): void;
  snapshot(): ReplicaStatus['serving'];
}

/** A minute in microseconds: no request is allowed to take that long. */
const LATENCY_US_MAX = 60_000_000;

export function createFigures(): Figures {
  // Packed: a few kilobytes per epoch in place of the full range of counters.
  const histogram = build({
    bitBucketSize: 'packed',
    highestTrackableValue: LATENCY_US_MAX,
    numberOfSignificantValueDigits: 3,
  });
  let answered = 0;
  let failed = 0;
  // A quantile is that of its bucket, which may end a little above the largest value.
  const quantileMs = (percent: number) => Math.min(histogram.maxValue, histogram.getValueAtPercentile(percent)) / 1000;
  return {
    answered: (latencyMs) => {
      answered += 1;
      histogram.recordValue(Math.min(LATENCY_US_MAX, Math.round(latencyMs * 1000)));
    },
    failed: () => {
      failed += 1;
    },
    snapshot: () => ({
      requests: answered + failed,
      failed,
      latencyMs:
        answered === 0
          ? null
          : { p50: quantileMs(50), p95: quantileMs(95), p99: quantileMs(99), max: histogram.maxValue / 1000 },
    }),
  };
}
