/**
 * The end of a process that stays until it is told to: a signal asks for it, and then it comes within the time that is
 * allowed, whatever hangs. A second signal ends it at once. What it started ends with it, however it ends.
 */
import type { Logger } from '../runtime/logger.ts';
import { onSignalOfDaemon } from './signals.ts';

/** What there is to stop. */
export interface Stoppable {
  unstopped(): readonly string[];
  /** Ends at once what would not end with this process. */
  kill?(): void;
}

export interface Ending {
  /** Resolves with the first signal. */
  readonly asked: Promise<string>;
  /** Tells what there is to stop from now on; before, the start is. */
  watch(part: Stoppable): void;
  /** From now on the end comes within this time, whatever hangs. */
  within(ms: number, why: string): void;
  /** As a signal asks for it. */
  ask(why: string, graceMs?: number): void;
  /** To be called at SIGHUP; before, it does nothing. */
  onReload(reload: () => void): void;
}

const START: Stoppable = { unstopped: () => ['the start'] };

/** `marginMs`: what a supervisor leaves to its parts, which end themselves within the time and say what hung. */
export function endOnSignal(graceMs: number, log: Logger, marginMs = 0): Ending {
  let part = START;
  const endHard = (why: string) => {
    log.error(
      { unstopped: part.unstopped() },
      `${why}; ended without: ${part.unstopped().join(', ') || 'what keeps the process'}`,
    );
    part.kill?.();
    // Not process.exit(): that waits for threads, and for files, that may hang as well.
    process.kill(process.pid, 'SIGKILL');
  };
  // It keeps nothing alive: where all has ended before, the process ends by itself.
  const within = (ms: number, why: string) => void setTimeout(() => endHard(why), ms).unref();
  const late = (ms: number) => within(ms + marginMs, `not stopped within ${ms} ms (shutdown.graceMs)`);
  let reload = () => {};
  let ask: Ending['ask'] = () => {};
  const asked = new Promise<string>((resolve) => {
    let isAsked = false;
    ask = (why, ms = graceMs) => {
      if (isAsked) return;
      isAsked = true;
      late(ms);
      resolve(why);
    };
    onSignalOfDaemon(
      ask,
      () => endHard('told to end for the second time'),
      () => reload(),
    );
  });
  return { asked, watch: (it) => (part = it), within, ask, onReload: (it) => (reload = it) };
}

/** After a fatal error: less than five seconds after it, with what came before. */
const LINGER_MS = 4_000;

/** These end with a process. Threads and files may hang, and leaving in an orderly way waits for them. */
const ENDS_WITH_PROCESS = /^(Timeout|Immediate|TCP|TLS|Pipe|TTY|DNS|GetAddr)/;

/** A command that has failed ends by itself, or by this if something still keeps its process. */
export function endAnyway(): void {
  const end = () => {
    const kept = [...new Set(process.getActiveResourcesInfo())];
    const isKilled = !kept.every((it) => ENDS_WITH_PROCESS.test(it));
    process.stderr.write(
      `nightshift: something (${kept.join(', ')}) kept the process after its fatal error${isKilled ? '; ended by SIGKILL' : ''}\n`,
    );
    if (isKilled) process.kill(process.pid, 'SIGKILL');
    else process.exit();
  };
  setTimeout(end, LINGER_MS).unref();
}
