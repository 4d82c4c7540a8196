/**
 * Holds a request until it may be answered from here: until the replica is in good standing or may do without it, and has
 * the release and the change of the gallery that the request demands. A wait ends at the request's deadline at the latest, with an
 * error that says why.
 */
import { PipelineError } from '../../../contracts/errors.ts';
import type { Change } from './changes.ts';
import type { Consistency } from './consistency.ts';
import type { Replica, Served } from './replica.ts';
import type { RecogniseRequest } from './request.ts';

/** The demands of a request on the replica that answers it. */
export type Demand = Pick<RecogniseRequest, 'deadlineMs' | 'minRelease' | 'seenRelease' | 'minEnrolment'>;

/** A switch takes milliseconds, a load some seconds: a request that demands a release is better off elsewhere then. */
const HOLD_MS_MAX = 2_000;

/** After these a request that waits may be answered, or is refused for another reason. */
const AWAITED: readonly Change[] = ['desired', 'served', 'failed', 'informed', 'enrolled'];

/**
 * Holds the request while it must not be answered from here, but not for long. Throws NOT_READY, RELEASE_NOT_REACHED. Under
 * `available` a replica that is out of touch lets requests pass which demand no release, if it knows of no newer one.
 */
export async function admitted(replica: Replica, request: Demand, consistency: Consistency = 'strict'): Promise<void> {
  const demandedUntilMs = Math.min(request.deadlineMs, performance.now() + HOLD_MS_MAX);
  const next = () => obstacle(replica, request, consistency);
  for (let why = next(); why !== null; why = next()) {
    const untilMs = why.code === 'RELEASE_NOT_REACHED' ? demandedUntilMs : request.deadlineMs;
    if (!(await replica.changes.next(AWAITED, untilMs))) throw why;
  }
}

/**
 * Waits until a change of the gallery is in force in all models in memory, those included that come into it meanwhile.
 * Throws DEADLINE_EXCEEDED.
 */
export async function inForce(replica: Replica, sequence: number, deadlineMs: number): Promise<void> {
  while (replica.residents.all.some(({ enrolments }) => enrolments.applied < sequence)) {
    if (await replica.changes.next(AWAITED, deadlineMs)) continue;
    const message = `change ${sequence} of the gallery is stored, but not in force here yet; it will be`;
    throw new PipelineError('DEADLINE_EXCEEDED', message, { retryable: true });
  }
}

/** Throws NOT_READY before the first release. */
export function servedOrThrow(served: Served | null): Served {
  if (served) return served;
  throw new PipelineError('NOT_READY', 'no model is in service yet; run the pipeline once', { retryable: true });
}

function obstacle(replica: Replica, demand: Demand, consistency: Consistency): PipelineError | null {
  const { standing, served } = replica;
  const { minRelease, seenRelease, minEnrolment } = demand;
  const retryable = { retryable: true };
  const mayBeStale = consistency === 'available' && minRelease === 0 && replica.desired !== null && replica.isUpToDate;
  if (!standing.isGood && !mayBeStale) {
    const message = 'this replica was out of touch and has not caught up yet; try again';
    return new PipelineError('NOT_READY', message, retryable);
  }
  const demanded = Math.max(minRelease, seenRelease);
  if ((served?.release ?? 0) < demanded) {
    const serves = served ? `release ${served.release} is in service here` : 'no release is in service here yet';
    return new PipelineError(
      'RELEASE_NOT_REACHED',
      `${serves}, release ${demanded} was demanded; try again`,
      retryable,
    );
  }
  if ((served?.resident.enrolments.applied ?? 0) >= minEnrolment) return null;
  const message = `change ${minEnrolment} of the gallery is not in force here yet; try again`;
  return new PipelineError('NOT_READY', message, retryable);
}
