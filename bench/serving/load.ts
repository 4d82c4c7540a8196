/**
 * Load on something that answers requests. Open loop: requests are due at random moments (a Poisson process) whether or
 * not earlier ones were answered, and latency counts from the moment a request was due, so that a server that stalls is
 * charged for all who wait (no coordinated omission). Closed loop: so many at a time, for the largest throughput.
 */
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { build } from 'hdr-histogram-js';
import { startThread } from '../../runtime/threads.ts';
import { createRandom } from '../../services/training/random.ts';
import { clockMs } from '../support/clock.ts';

/** The server has no room now and said so at once: what it should do under more load than it can carry. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

export interface Target {
  /** One request; rejects with Refused, or with what else became of it. */
  ask(): Promise<void>;
  close(): Promise<void>;
}

export interface OpenFigures {
  readonly sent: number;
  readonly refused: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** In microseconds: no answer may take longer. */
const LATENCY_US_MAX = 60_000_000;

export async function openLoop(target: Target, perSecond: number, seconds: number, seed: number): Promise<OpenFigures> {
  const histogram = build({
    bitBucketSize: 32,
    highestTrackableValue: LATENCY_US_MAX,
    numberOfSignificantValueDigits: 3,
  });
  const answers: Promise<void>[] = [];
  let refused = 0;
  let failed = 0;
  const thread = startMetronome(arrivals(perSecond, seconds, seed), (due) => {
    const answer = target.ask().then(
      () => histogram.recordValue(Math.min(LATENCY_US_MAX, 1000 * (clockMs() - due))),
      (error: Error) => {
        if (error instanceof Refused) return void (refused += 1);
        failed += 1;
        // The first tells what it is; the count says how often.
        if (failed === 1) process.stderr.write(`bench: a request failed: ${error.message}\n`);
      },
    );
    answers.push(answer);
  });
  await once(thread, 'exit');
  await Promise.all(answers);
  const atMs = (percent: number) => histogram.getValueAtPercentile(percent) / 1000;
  return { sent: answers.length, refused, failed, p50Ms: atMs(50), p99Ms: atMs(99), maxMs: histogram.maxValue / 1000 };
}

/** Answers per second. */
export async function closedLoop(target: Target, inFlight: number, seconds: number): Promise<number> {
  const startedAt = performance.now();
  const endAt = startedAt + 1000 * seconds;
  let answered = 0;
  const client = async () => {
    while (performance.now() < endAt) {
      await target.ask();
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, client));
  return (1000 * answered) / (performance.now() - startedAt);
}

/** Milliseconds at which requests are due, from 0 on: a Poisson process, whose gaps are exponential. */
export function arrivals(perSecond: number, seconds: number, seed: number): Float64Array {
  const random = createRandom(seed);
  const dueMs: number[] = [];
  for (let at = 0; at < 1000 * seconds; at -= (1000 / perSecond) * Math.log(1 - random())) dueMs.push(at);
  return Float64Array.from(dueMs);
}

/** Calls back when each is due, with its moment in `clockMs`. The thread exits after the last. */
export function startMetronome(dueMs: Float64Array, onDue: (dueMs: number) => void): Worker {
  const thread = startThread('bench/serving/metronome.thread', dueMs);
  thread.on('message', onDue);
  return thread;
}
