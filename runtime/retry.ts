/**
 * Repeats work that failed: the one place that counts attempts and pauses between them. It knows no error of ours; a
 * policy, a constant beside its use, says which one is worth another attempt. Code that keeps its own count of failures
 * (the redeliveries of a message, a state per model) takes only its pauses from here, by `pauseOf`.
 */
import { setTimeout as delay } from 'node:timers/promises';

export interface Pauses {
  /** After the first failure; 0 for none. */
  readonly pauseMs: number;
  /** Each pause is `factor` times the one before, up to a limit. Absent: all are equal. */
  readonly growth?: { readonly factor: number; readonly pauseMaxMs: number };
}

export interface RetryPolicy extends Pauses {
  /** The first one included. */
  readonly attemptsMax: number;
  /** False for an error that the same work would meet again. */
  readonly isWorthIt: (error: unknown) => boolean;
  /** Ends a pause and begins no other attempt; work under way is not told. */
  readonly signal?: AbortSignal;
  /** Told of each failure that another attempt may follow; the last one is thrown instead. `attempt` counts from 1. */
  readonly onFailure?: (error: unknown, attempt: number) => void;
  /** In place of a timer. */
  readonly pause?: (pauseMs: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** For `attemptsMax`, if only success, the signal or an error that is not worth it may end the work. */
export const FOREVER = Number.POSITIVE_INFINITY;

/** Throws the error of the last attempt as it is, or the signal's reason if it came in a pause or before the work. */
export async function retry<T>(policy: RetryPolicy, work: () => Promise<T>): Promise<T> {
  const { attemptsMax, isWorthIt, signal, onFailure, pause = wait } = policy;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (attempt >= attemptsMax || signal?.aborted || !isWorthIt(error)) throw error;
      onFailure?.(error, attempt);
    }
    await pause(pauseOf(policy, attempt), signal);
  }
}

/** The pause after this many failures in a row. */
export const pauseOf = ({ pauseMs, growth }: Pauses, failures: number): number =>
  growth ? Math.min(pauseMs * growth.factor ** (failures - 1), growth.pauseMaxMs) : pauseMs;

async function wait(pauseMs: number, signal: AbortSignal | undefined): Promise<void> {
  if (pauseMs === 0) return;
  // Rejects only if the signal cut it short, which the caller asks next.
  await delay(pauseMs, undefined, { signal }).catch(() => {});
}
