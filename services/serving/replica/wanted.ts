/** What a replica should hold, given the desired state: pure decisions for converge.ts. */
import type { Deployment, ModelPair } from '../../../contracts/release.ts';
import type { ReplicaStatus } from '../../../contracts/replica.ts';

export type Role = 'current' | 'previous' | 'candidate';

export interface Wanted {
  readonly role: Role;
  readonly pair: ModelPair;
}

/** In the order of importance: what must serve, what makes a roll-back instant, what may serve next. */
export function wantedPairs({ current, previous, candidate }: Deployment): readonly Wanted[] {
  const wanted = (role: Role, pair: ModelPair | null) => (pair ? [{ role, pair }] : []);
  return [...wanted('current', current), ...wanted('previous', previous), ...wanted('candidate', candidate)];
}

/** Whether the replica has given its word on this very candidate, for or against. */
export function isAnswered(prepared: ReplicaStatus['prepared'], { runId, model }: ModelPair): boolean {
  return prepared?.runId === runId && prepared.modelDigest === model.digest;
}

/** Whether it has refused the candidate; it is not tried again then. */
export function isRefused(prepared: ReplicaStatus['prepared'], pair: ModelPair): boolean {
  return isAnswered(prepared, pair) && prepared?.refused !== null;
}
