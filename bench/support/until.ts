/** Waits in benchmarks for something that shows itself in a store. */
import { setTimeout as delay } from 'node:timers/promises';

const CHECK_MS = 20;

/** Throws, naming what was waited for, after `timeoutMs`. */
export async function until(holds: () => Promise<boolean>, what: string, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`bench: waited ${timeoutMs} ms in vain: ${what}`);
    await delay(CHECK_MS);
  }
}
