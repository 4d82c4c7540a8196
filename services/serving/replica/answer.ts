/**
 * One request from its lease to its figures: refuses what cannot be served, counts what became of it. Knows no NATS.
 * A process that dies underneath a request is the model host's concern: it asks the replacement itself.
 */
import { PipelineError, toFailure } from '../../../contracts/errors.ts';
import { inferStatus } from '../../../contracts/inference.ts';
import type { Lease } from './atomic-reference.ts';
import { recognise, type InferReply } from './recognise.ts';
import type { RecogniseRequest } from './request.ts';
import type { Replica, Served } from './replica.ts';

/** From here on the request was in order and this side failed it; below, the client made a mistake. */
const FAILED_STATUS_MIN = 429;

/** A switch takes milliseconds, a load some seconds: whoever demands a release is better served by another replica then. */
const HOLD_MS_MAX = 2_000;

/**
 * Throws NOT_READY, RELEASE_NOT_REACHED and what recognise throws.
 * Nothing is answered that another release may have replaced for good while this replica was out of touch.
 */
export async function answer(replica: Replica, request: RecogniseRequest): Promise<InferReply> {
  const startedAt = performance.now();
  const asked: Served[] = [];
  try {
    let reply: InferReply;
    do {
      await admitted(replica, request);
      reply = await persist(replica, request, asked);
    } while (!replica.standing.isGood);
    asked.at(-1)?.figures.answered(performance.now() - startedAt, marginOf(reply));
    return reply;
  } catch (error) {
    if (isFailed(error)) asked.at(-1)?.figures.failed();
    throw error;
  }
}

/** Once more on the release in service, when a canary failed. */
async function persist(replica: Replica, request: RecogniseRequest, asked: Served[]): Promise<InferReply> {
  try {
    return await attempt(replica.lease(request), request, asked);
  } catch (error) {
    const lost = asked.at(-1);
    // What a canary fails at counts against it, and is no client's concern.
    if (lost?.canary && isFailed(error)) {
      lost.figures.failed();
      return attempt(replica.leaseServed(), request, asked);
    }
    throw error;
  }
}

/** Holds the lease from start to end; notes in `asked` which release that was. */
async function attempt(lease: Lease<Served | null>, request: RecogniseRequest, asked: Served[]): Promise<InferReply> {
  try {
    if (!lease.value) throw notReady();
    asked.push(lease.value);
    return await recognise(lease.value, request);
  } finally {
    lease.release();
  }
}

/** What a request demands of the replica that answers it. */
export type Demand = Pick<RecogniseRequest, 'deadlineMs' | 'minRelease' | 'minEnrolment'>;

/** Holds the request while it must not be answered from here, but not for long. */
export async function admitted(replica: Replica, request: Demand): Promise<void> {
  const demandedUntilMs = Math.min(request.deadlineMs, performance.now() + HOLD_MS_MAX);
  for (let why = obstacle(replica, request); why !== null; why = obstacle(replica, request)) {
    const untilMs = why.code === 'RELEASE_NOT_REACHED' ? demandedUntilMs : request.deadlineMs;
    if (!(await replica.changed(untilMs))) throw why;
  }
}

function obstacle({ standing, served }: Replica, { minRelease, minEnrolment }: Demand): PipelineError | null {
  const retryable = { retryable: true };
  if (!standing.isGood) {
    const message = 'this replica was out of touch and has not caught up yet; try again';
    return new PipelineError('NOT_READY', message, retryable);
  }
  if ((served?.release ?? 0) < minRelease) {
    const serves = served ? `release ${served.release} is in service here` : 'no release is in service here yet';
    return new PipelineError(
      'RELEASE_NOT_REACHED',
      `${serves}, release ${minRelease} was demanded; try again`,
      retryable,
    );
  }
  if ((served?.resident.enrolments.applied ?? 0) >= minEnrolment) return null;
  const message = `change ${minEnrolment} of the gallery is not in force here yet; try again`;
  return new PipelineError('NOT_READY', message, retryable);
}

const marginOf = (reply: InferReply) => ('score' in reply ? reply.score - reply.threshold : null);
const isFailed = (error: unknown) => inferStatus(toFailure(error).code) >= FAILED_STATUS_MIN;
const notReady = () =>
  new PipelineError('NOT_READY', 'no model is in service yet; run the pipeline once', { retryable: true });
