/**
 * Waits in tests for a fact instead of for a time. The only place in the tests that polls; everything with an event
 * or a promise awaits that.
 */
import { setTimeout as delay } from 'node:timers/promises';

const CHECK_MS = 10;

/**
 * Resolves with the first answer of `fact` that is neither false, null nor undefined. Throws, naming `what` was waited
 * for, when `timeoutMs` have passed. An error of `fact` ends the wait at once.
 */
export async function until<T>(
  fact: () => T | Promise<T>,
  what: string,
  timeoutMs = 60_000,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + timeoutMs;
  while (true) {
    const answer = await fact();
    // The comparison just made is what Exclude says.
    if (answer !== false && answer !== null && answer !== undefined)
      return answer as Exclude<T, false | null | undefined>;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await delay(CHECK_MS);
  }
}

export interface Gate {
  /** Resolves once `open` was called. */
  readonly opened: Promise<void>;
  open(): void;
}

/** A promise that a test resolves itself, to hold a handler at a point or to hear that it was reached. */
export function createGate(): Gate {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}
