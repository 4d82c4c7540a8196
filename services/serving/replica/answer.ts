/**
 * One request from its lease to its figures: refuses it if it cannot be served, counts its outcome. Knows no NATS. A
 * process that dies underneath a request is the model host's concern, which asks the replacement itself.
 */
import { toFailure } from '../../../contracts/errors.ts';
import { inferStatus } from '../../../contracts/inference.ts';
import { admitted, servedOrThrow } from './admission.ts';
import type { Lease } from './atomic-reference.ts';
import { recognise, type InferReply } from './recognise.ts';
import type { RecogniseRequest } from './request.ts';
import type { Replica, Served } from './replica.ts';

/** From here on the request was sound and this side failed it; below, the client made a mistake. */
const FAILED_STATUS_MIN = 429;

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
    // A failure of a canary counts against it, and is no client's concern.
    if (lost?.canary && isFailed(error)) {
      lost.figures.failed();
      return attempt(replica.leaseServed(), request, asked);
    }
    throw error;
  }
}

/** Holds the lease from start to end; notes its release in `asked`. */
async function attempt(lease: Lease<Served | null>, request: RecogniseRequest, asked: Served[]): Promise<InferReply> {
  try {
    const served = servedOrThrow(lease.value);
    asked.push(served);
    return await recognise(served, request);
  } finally {
    lease.release();
  }
}

const marginOf = (reply: InferReply) => ('score' in reply ? reply.score - reply.threshold : null);
const isFailed = (error: unknown) => inferStatus(toFailure(error).code) >= FAILED_STATUS_MIN;
