/**
 * Thins out progress reports on their way to the bus: at most a few per second, always the last one, never two at a
 * time, each with the time that is left; and repeats the last one while the work is quiet, as a sign of life. A report that
 * cannot be published is logged and forgotten: several signs fit into the window in which the saga waits for one.
 */
import type { Logger } from 'pino';
import { toFailure } from '../contracts/errors.ts';
import type { Progress } from '../contracts/progress.ts';
import { etaMsOf, withSample, type FractionAt } from '../services/eta.ts';

/** Five a second look fluent in a progress bar. */
const INTERVAL_MS = 200;
/** A sixth of the default window (`timeouts.heartbeatMs`): five may be lost or late before a worker is asked. */
export const HEARTBEAT_INTERVAL_MS = 10_000;
const NOTHING_YET: Progress = { fraction: 0, done: 0, total: 0, unit: 'step', figures: {} };

export interface ProgressReporter {
  readonly report: (progress: Progress) => void;
  /** Gives no more signs of life, publishes what is still held back and resolves when nothing is under way. */
  finish(): Promise<void>;
}

export function createProgressReporter(
  publish: (progress: Progress, number: number) => Promise<void>,
  log: Logger,
  heartbeatMs = HEARTBEAT_INTERVAL_MS,
): ProgressReporter {
  let held: Progress | null = null;
  let last = NOTHING_YET;
  let sending: Promise<void> | null = null;
  let lastSentAt = -Infinity;
  let number = 0;
  let samples: readonly FractionAt[] = [];

  const send = async () => {
    last = held ?? last;
    held = null;
    lastSentAt = performance.now();
    try {
      await publish(last, number++);
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
  const beat = () => {
    if (!sending && performance.now() - lastSentAt >= heartbeatMs) sending = send();
  };
  const heartbeat = setInterval(beat, heartbeatMs / 2);
  sending = send();
  const finish = async () => {
    clearInterval(heartbeat);
    await sending;
    if (held) await (sending = send());
  };
  return { report, finish };
}
