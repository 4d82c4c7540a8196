/**
 * The end of a process that stays until it is told to: a signal asks for it, and then it comes within the time that is
 * allowed, whatever hangs. A second signal ends it at once. What it started ends with it, however it ends.
 */
import type { Logger } from '../runtime/logger.ts';
import { onSignal } from './signals.ts';

export interface Ending {
  /** Resolves with the first signal. */
  readonly asked: Promise<string>;
  /** Tells what there is to stop from now on; before, the start is. */
  watch(part: { unstopped(): readonly string[] }): void;
}

export function endOnSignal(graceMs: number, log: Logger): Ending {
  let unstopped: () => readonly string[] = () => ['the start'];
  const endHard = (why: string) => {
    log.error(
      { unstopped: unstopped() },
      `${why}; ended without: ${unstopped().join(', ') || 'what keeps the process'}`,
    );
    // Not process.exit(): that waits for threads, and for files, that may hang as well.
    process.kill(process.pid, 'SIGKILL');
  };
  const asked = new Promise<string>((resolve) => {
    const stop = (signal: string) => {
      // It keeps nothing alive: where all has ended before, the process ends by itself.
      setTimeout(() => endHard(`not stopped within ${graceMs} ms (shutdown.graceMs)`), graceMs).unref();
      resolve(signal);
    };
    onSignal(stop, () => endHard('told to end for the second time'));
  });
  return { asked, watch: (part) => (unstopped = () => part.unstopped()) };
}
