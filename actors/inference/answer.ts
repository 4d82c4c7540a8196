/**
 * One request from its lease to its figures: refuses what cannot be served, tries once more on the replacement when
 * the model host died underneath it, counts what became of it. Knows no NATS.
 */
import { PipelineError, toFailure } from '../../contracts/errors.ts';
import { inferStatus } from '../../contracts/inference.ts';
import { recognise, type InferReply, type RecogniseRequest } from './recognise.ts';
import type { Replica, Served } from './replica.ts';

/** From here on the request was in order and this side failed it; below, the client made a mistake. */
const FAILED_STATUS_MIN = 429;

/** Throws NOT_READY, what recognise throws, or HOST_FAILED when the replacement failed as well. */
export async function answer(replica: Replica, request: RecogniseRequest): Promise<InferReply> {
  const startedAt = performance.now();
  const tried: Served[] = [];
  try {
    const reply = await attempt(replica, request, tried).catch(async (error: unknown) => {
      const lost = tried[0];
      if (!lost || !isHostFailure(error)) throw error;
      await beforeDeadline(replica.replaced(lost), request, error);
      return attempt(replica, request, tried);
    });
    tried.at(-1)?.figures.answered(performance.now() - startedAt, marginOf(reply));
    return reply;
  } catch (error) {
    if (inferStatus(toFailure(error).code) >= FAILED_STATUS_MIN) tried.at(-1)?.figures.failed();
    throw error;
  }
}

/** Holds a lease of the epoch in service from start to end; notes in `tried` which epoch that was. */
async function attempt(replica: Replica, request: RecogniseRequest, tried: Served[]): Promise<InferReply> {
  const lease = replica.lease();
  try {
    if (!lease.value) throw notReady();
    tried.push(lease.value);
    return await recognise(lease.value, request);
  } finally {
    lease.release();
  }
}

/** Waits for a promise at most until the request's deadline, then throws `error`. */
async function beforeDeadline(promise: Promise<void>, { deadlineMs }: RecogniseRequest, error: unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error), Math.max(0, deadlineMs - performance.now()));
  });
  try {
    await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}

const marginOf = (reply: InferReply) => ('score' in reply ? reply.score - reply.threshold : null);
const isHostFailure = (error: unknown) => error instanceof PipelineError && error.code === 'HOST_FAILED';
const notReady = () =>
  new PipelineError('NOT_READY', 'no model is in service yet; run the pipeline once', { retryable: true });
