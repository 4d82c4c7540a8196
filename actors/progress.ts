/**
 * Thins out progress reports on their way to the bus: at most a few per second, always the last one, never two at a
 * time, each with the time that is left. Progress is for people; one that cannot be published is logged and forgotten.
 */
import type { Logger } from 'pino';
import { toFailure } from '../contracts/errors.ts';
import type { Progress } from '../contracts/values.ts';
import { etaMsOf, withSample, type FractionAt } from '../services/eta.ts';

/** Five a second look fluent in a progress bar. */
const INTERVAL_MS = 200;

export interface ProgressReporter {
  readonly report: (progress: Progress) => void;
  /** Publishes what is still held back and resolves when nothing is under way. */
  settle(): Promise<void>;
}

export function createProgressReporter(
  publish: (progress: Progress, number: number) => Promise<void>,
  log: Logger,
): ProgressReporter {
  let held: Progress | null = null;
  let sending: Promise<void> | null = null;
  let lastSentAt = -Infinity;
  let number = 0;
  let samples: readonly FractionAt[] = [];

  const send = async () => {
    const progress = held!;
    held = null;
    lastSentAt = performance.now();
    try {
      await publish(progress, number++);
    } catch (error) {
      log.debug(toFailure(error), 'a progress report could not be published');
    }
    sending = null;
  };
  const report = (progress: Progress) => {
    samples = withSample(samples, { fraction: progress.fraction, atMs: performance.now() });
    const etaMs = etaMsOf(samples);
    held = { ...progress, ...(etaMs !== null && { etaMs }) };
    if (!sending && performance.now() - lastSentAt >= INTERVAL_MS) sending = send();
  };
  const settle = async () => {
    await sending;
    if (held) await (sending = send());
  };
  return { report, settle };
}
