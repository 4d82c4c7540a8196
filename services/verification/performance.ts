/**
 * Measures how fast models answer through the same model host that serves them: single images one at a time for the
 * latency, then several requests in flight for the throughput. Candidate and champion take turns, so that the machine's
 * other work weighs on both alike.
 */
import type { Latency } from '../../contracts/replica.ts';
import type { Performance } from '../../contracts/verification.ts';
import { imageBytesOf, readImages } from '../data/image-reader.ts';
import type { EmbeddableImages } from '../data/strategy.ts';
import type { ModelHost } from '../serving/strategy.ts';
import type { WorkContext } from '../work.ts';

export interface PerformanceOptions {
  /** Requests timed one by one, and as many again for the throughput. */
  readonly requests: number;
  /** The first of them are asked in turn. */
  readonly images: EmbeddableImages;
}

/** Images that one measurement of one model embeds; for progress bars. */
export const performanceImages = (requests: number) => WARM_UP_REQUESTS + 2 * requests;

/** First runs plan memory and are slower; they would decide the p99 of a short measurement. */
const WARM_UP_REQUESTS = 10;
/** Enough to fill batches, and less than the queue of any host holds. */
const REQUESTS_IN_FLIGHT = 16;
/** In memory: reading them would count as the model's time, and how long a model takes does not depend on the image. */
const IMAGES_ASKED_MAX = 64;

/** Of each host, in their order. Throws what the hosts throw, or the signal's reason. */
export async function measurePerformance(
  hosts: readonly Pick<ModelHost, 'embed'>[],
  { requests, images }: PerformanceOptions,
  context: WorkContext,
): Promise<Performance[]> {
  const report = reporter(context, hosts.length * performanceImages(requests));
  const asked = await askedOf(images);
  const models = hosts.map((host) => ({ ask: asker(host, asked, context.signal, report), durations: [] as number[] }));
  for (const { ask } of models) for (let i = 0; i < WARM_UP_REQUESTS; i++) await ask(i);
  for (let i = 0; i < requests; i++) {
    for (const { ask, durations } of models) {
      const startedAt = context.now();
      await ask(i);
      durations.push(context.now() - startedAt);
    }
  }
  const figures: Performance[] = [];
  for (const { ask, durations } of models) {
    const imagesPerSecond = await throughput(ask, requests, context.now);
    figures.push({ latencyMs: latencyOf(durations), imagesPerSecond, requests });
  }
  return figures;
}

/** Quantiles by nearest rank; milliseconds. */
export function latencyOf(durationsMs: readonly number[]): Latency {
  const sorted = [...durationsMs].sort((a, b) => a - b);
  const quantile = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), max: quantile(1) };
}

type Ask = (index: number) => Promise<void>;

function reporter({ progress }: WorkContext, total: number): () => void {
  let done = 0;
  return () => {
    done += 1;
    progress({ fraction: done / total, done, total, unit: 'image', figures: {} });
  };
}

async function askedOf(images: EmbeddableImages): Promise<readonly Uint8Array[]> {
  const count = Math.min(IMAGES_ASKED_MAX, images.count);
  const pixels = await readImages(images, [...Array(count).keys()]);
  const bytes = imageBytesOf(images.spec);
  return Array.from({ length: count }, (_, at) => pixels.subarray(at * bytes, (at + 1) * bytes));
}

function asker(
  host: Pick<ModelHost, 'embed'>,
  images: readonly Uint8Array[],
  signal: AbortSignal,
  report: () => void,
): Ask {
  return async (index) => {
    signal.throwIfAborted();
    await host.embed({ pixels: images[index % images.length]!, count: 1 });
    report();
  };
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
