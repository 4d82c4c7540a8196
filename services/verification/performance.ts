/**
 * Measures how fast a model answers through the same model host that serves it: single images one at a time for the
 * latency, then several requests in flight for the throughput. The machine's other work counts in, as in service.
 */
import type { Latency } from '../../contracts/replica.ts';
import type { Performance } from '../../contracts/verification.ts';
import { imageBytesOf } from '../serving/host/embed-all.ts';
import type { WorkContext } from '../work.ts';
import type { Measurable, VerificationStrategy } from './strategy.ts';

export interface PerformanceOptions {
  /** Requests timed one by one, and as many again for the throughput. */
  readonly requests: number;
}

/** Images that one measurement embeds; for progress bars. */
export const performanceImages = (requests: number) => WARM_UP_REQUESTS + 2 * requests;

/** First runs plan memory and are slower; they would decide the p99 of a short measurement. */
const WARM_UP_REQUESTS = 10;
/** Enough to fill batches, and less than the queue of any host holds. */
const REQUESTS_IN_FLIGHT = 16;

export const createPerformanceStrategy = ({ requests }: PerformanceOptions): VerificationStrategy<Performance> => ({
  name: 'performance',
  async measure(subject, context) {
    const ask = asker(subject, context, performanceImages(requests));
    for (let i = 0; i < WARM_UP_REQUESTS; i++) await ask(i);
    const latencyMs = latencyOf(await timeEach(ask, requests, context.now));
    const imagesPerSecond = await throughput(ask, requests, context.now);
    return { latencyMs, imagesPerSecond, requests };
  },
});

/** Quantiles by nearest rank; milliseconds. */
export function latencyOf(durationsMs: readonly number[]): Latency {
  const sorted = [...durationsMs].sort((a, b) => a - b);
  const quantile = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), max: quantile(1) };
}

type Ask = (index: number) => Promise<unknown>;

/** Embeds one image, the probes in turn. */
function asker({ host, probes }: Measurable, { signal, progress }: WorkContext, total: number): Ask {
  const imageBytes = imageBytesOf(probes);
  let done = 0;
  return async (index) => {
    signal.throwIfAborted();
    const first = (index % probes.count) * imageBytes;
    await host.embed({ pixels: probes.pixels.subarray(first, first + imageBytes), count: 1 });
    done += 1;
    progress({ fraction: done / total, done, total, unit: 'image', figures: {} });
  };
}

async function timeEach(ask: Ask, requests: number, now: () => number): Promise<number[]> {
  const durations: number[] = [];
  for (let i = 0; i < requests; i++) {
    const startedAt = now();
    await ask(i);
    durations.push(now() - startedAt);
  }
  return durations;
}

async function throughput(ask: Ask, requests: number, now: () => number): Promise<number> {
  const startedAt = now();
  let next = 0;
  const askUntilDone = async () => {
    while (next < requests) await ask(next++);
  };
  await Promise.all(Array.from({ length: REQUESTS_IN_FLIGHT }, askUntilDone));
  return requests / ((now() - startedAt) / 1000);
}
