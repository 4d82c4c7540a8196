/**
 * One request from its lease to its figures: refuses it if it cannot be served, counts its outcome, and marks its answer
 * stale where nothing vouches for the release. Knows no NATS. A process that dies underneath a request is the model host's
 * concern, which asks the replacement itself.
 */
import { toFailure } from '../../../contracts/errors.ts';
import { inferStatus } from '../../../contracts/inference.ts';
import type { DecisionCounts } from '../../../contracts/replica.ts';
import { admitted, servedOrThrow } from './admission.ts';
import type { Lease } from './atomic-reference.ts';
import { verdictOf, type Consistency, type Look, type Verdict } from './consistency.ts';
import type { Lookout } from './lookout.ts';
import { recognise, type InferReply } from './recognise.ts';
import type { RecogniseRequest } from './request.ts';
import type { Replica, Served } from './replica.ts';

/** From here on the request was sound and this side failed it; below, the client made a mistake. */
const FAILED_STATUS_MIN = 429;

/** What a replica that is out of touch with the store does about it. */
export interface Vouching {
  readonly consistency: Consistency;
  readonly lookout: Lookout;
}

/**
 * Throws NOT_READY, RELEASE_NOT_REACHED and what recognise throws.
 * An answer that another release may have replaced for good while this replica was out of touch is given only if it is
 * marked, and if the store told nothing of another release when it was asked once more.
 */
export async function answer(replica: Replica, request: RecogniseRequest, vouching: Vouching): Promise<InferReply> {
  const startedAt = performance.now();
  const asked: Served[] = [];
  try {
    let reply: InferReply;
    let verdict: Verdict;
    do {
      await admitted(replica, request, vouching.consistency);
      const begun = termOf(replica);
      reply = await persist(replica, request, asked);
      verdict = await vouchFor(reply, replica, request, vouching, begun);
    } while (verdict === 'hold');
    asked.at(-1)?.figures.answered(performance.now() - startedAt, marginOf(reply), decisionOf(reply));
    return verdict === 'stale' ? { ...reply, ...staleSince(replica) } : reply;
  } catch (error) {
    if (isFailed(error)) asked.at(-1)?.figures.failed();
    throw error;
  }
}

async function vouchFor(
  { release }: InferReply,
  replica: Replica,
  { minRelease }: RecogniseRequest,
  { consistency, lookout }: Vouching,
  begun: number | null,
): Promise<Verdict> {
  const decide = (look: Look) =>
    verdictOf({
      ...{ consistency, look, answered: release, isFenced: minRelease > 0 },
      wanted: replica.desired?.current?.release ?? null,
      isGood: replica.standing.isGood,
      wasGood: begun !== null && begun === replica.standing.term,
    });
  const first = decide('none');
  return first === 'look' ? decide((await lookout.look()) ? 'reached' : 'unanswered') : first;
}

/** Null while it is out of touch. */
const termOf = ({ standing }: Replica) => (standing.isGood ? standing.term : null);

const staleSince = ({ standing }: Replica) => ({ stale: true as const, knowledgeAgeMs: Math.round(standing.ageMs) });

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

function decisionOf(reply: InferReply): keyof DecisionCounts | null {
  if ('known' in reply) return reply.known ? 'known' : 'unknown';
  if ('match' in reply) return reply.match ? 'matched' : 'wrongClaims';
  return null;
}

const isFailed = (error: unknown) => inferStatus(toFailure(error).code) >= FAILED_STATUS_MIN;
