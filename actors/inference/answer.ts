/**
 * One request from its lease to its figures: refuses what cannot be served, tries once more on the replacement when
 * the model host died underneath it, counts what became of it. Knows no NATS.
 */
import { PipelineError, toFailure } from '../../contracts/errors.ts';
import { inferStatus } from '../../contracts/inference.ts';
import { recognise, type InferReply, type RecogniseRequest } from './recognise.ts';
import type { Replica, Served } from './replica.ts';

/** Throws NOT_READY, what recognise throws, or HOST_FAILED when the replacement failed as well. */
export async function answer(replica: Replica, request: RecogniseRequest): Promise<InferReply> {
  try {
    return await attempt(replica, request);
  } catch (error) {
    if (!(error instanceof HostLost)) throw error;
    await beforeDeadline(replica.replaced(error.served), request, error);
    return await attempt(replica, request);
  }
}

/** The host of this epoch died with the request in it; another one may still answer. */
class HostLost extends PipelineError {
  readonly served: Served;
  constructor(served: Served, cause: PipelineError) {
    super('HOST_FAILED', cause.message, { retryable: true, cause });
    this.served = served;
  }
}

async function attempt(replica: Replica, request: RecogniseRequest): Promise<InferReply> {
  const lease = replica.lease();
  const startedAt = performance.now();
  try {
    if (!lease.value) throw notReady();
    const reply = await recognise(lease.value, request);
    lease.value.figures.answered(performance.now() - startedAt);
    return reply;
  } catch (error) {
    if (lease.value && inferStatus(toFailure(error).code) >= 429) lease.value.figures.failed();
    if (lease.value && error instanceof PipelineError && error.code === 'HOST_FAILED') {
      throw new HostLost(lease.value, error);
    }
    throw error;
  } finally {
    lease.release();
  }
}

/** Waits for a promise at most until the request's deadline, then throws `error`. */
async function beforeDeadline(promise: Promise<void>, { deadlineMs }: RecogniseRequest, error: Error): Promise<void> {
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

const notReady = () =>
  new PipelineError('NOT_READY', 'no model is in service yet; run the pipeline once', { retryable: true });
