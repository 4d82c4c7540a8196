/**
 * Repeats a question that the server did not answer, for about as long as a restart of the server takes. Only for what
 * may be done twice. A refusal is an answer. Called by blob-store.ts: publishing repeats in publish.ts, by its id.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/nats-core';
import { PipelineError } from '../contracts/errors.ts';

/** With their pauses some 15 s beside the timeouts of the questions themselves; then the saga decides. */
const ATTEMPTS_MAX = 10;
const PAUSE_MS = 100;
const PAUSE_MAX_MS = 3_000;

/** Throws the last attempt's error as NATS_UNAVAILABLE, retryable; anything that is no silence at once, as it is. */
export async function again<T>(what: string, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (cause) {
      if (!isSilence(cause)) throw cause;
      if (attempt === ATTEMPTS_MAX) throw unavailable(`${what}: ${String(cause)}`, cause);
      await delay(Math.min(PAUSE_MS * 2 ** (attempt - 1), PAUSE_MAX_MS));
    }
  }
}

export const unavailable = (message: string, cause?: unknown) =>
  new PipelineError('NATS_UNAVAILABLE', message, { retryable: true, cause });

const SILENCES = [errors.TimeoutError, errors.ConnectionError, errors.RequestError, errors.NoRespondersError];
/** "Temporarily unavailable": JetStream is still starting. */
const NOT_YET = 503;

function isSilence(error: unknown): boolean {
  if (error instanceof PipelineError) return error.code === 'NATS_UNAVAILABLE' && error.retryable;
  if (error instanceof JetStreamApiError) return error.status === NOT_YET;
  return SILENCES.some((kind) => error instanceof kind);
}
