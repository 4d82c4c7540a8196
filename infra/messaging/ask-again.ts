/**
 * Repeats a question that the server did not answer. Only for questions that may be asked twice: publishing repeats in
 * publish.ts, by its id, and a message is delivered again by itself. A refusal is an answer. Called by blob-store.ts,
 * the collector and main.ts.
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/nats-core';
import { PipelineError } from '../../contracts/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import { FOREVER, retry, type RetryPolicy } from '../../runtime/retry.ts';
import { violationIn } from './denial.ts';

const SILENCES = [errors.TimeoutError, errors.ConnectionError, errors.RequestError, errors.NoRespondersError];
/** "Temporarily unavailable": JetStream is still starting. */
const NOT_YET = 503;

/** Nobody has answered, or not yet: another attempt may help. */
export function isSilence(error: unknown): boolean {
  if (violationIn(error) !== null) return false;
  if (error instanceof PipelineError) return error.code === 'NATS_UNAVAILABLE' && error.retryable;
  if (error instanceof JetStreamApiError) return error.status === NOT_YET;
  return SILENCES.some((kind) => error instanceof kind);
}

/**
 * As long as a restart of the server: some 15 s of pauses, beside the timeouts of the questions. Then the saga decides.
 */
const ONE_RESTART: RetryPolicy = {
  attemptsMax: 10,
  pauseMs: 100,
  growth: { factor: 2, pauseMaxMs: 3_000 },
  isWorthIt: isSilence,
};

/** Throws the last silence as NATS_UNAVAILABLE, retryable; any other error at once, as it is. */
export async function askAgain<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await retry(ONE_RESTART, work);
  } catch (cause) {
    throw isSilence(cause) ? unavailable(`${what}: ${String(cause)}`, cause) : cause;
  }
}

export const unavailable = (message: string, cause?: unknown) =>
  new PipelineError('NATS_UNAVAILABLE', message, { retryable: true, cause });

/** At the start of an actor: connecting never gives up, so the next steps must not either. */
const AT_START: RetryPolicy = {
  attemptsMax: FOREVER,
  pauseMs: 500,
  isWorthIt: (error) => error instanceof PipelineError && error.retryable,
};

/** Throws only errors that another attempt cannot mend. */
export function askForever<T>(what: string, work: () => Promise<T>, log: Logger): Promise<T> {
  return retry({ ...AT_START, onFailure: (err) => log.warn({ err }, `${what}: trying again`) }, work);
}
