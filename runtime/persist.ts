/**
 * Repeats work at the start of an actor for as long as the server is away: whoever connects never gives up, so what
 * follows must not either. What a message asks for needs none of this: it is delivered again. Called by main.ts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { PipelineError } from '../contracts/errors.ts';
import type { Logger } from './logger.ts';

const PAUSE_MS = 500;

/** Throws what trying again cannot mend. `work` may be done several times. */
export async function persist<T>(work: () => Promise<T>, what: string, log: Logger): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (err) {
      if (!(err instanceof PipelineError && err.retryable)) throw err;
      log.warn({ err }, `${what}: trying again`);
      await delay(PAUSE_MS);
    }
  }
}
