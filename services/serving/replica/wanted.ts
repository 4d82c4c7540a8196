/** The models that a replica should hold, given the desired state: pure decisions for converge.ts. */
import type { Deployment, ModelPair } from '../../../contracts/release.ts';
import type { ReplicaStatus } from '../../../contracts/replica.ts';

export type Role = 'current' | 'previous' | 'announced';

export interface Wanted {
  readonly role: Role;
  readonly pair: ModelPair;
}

/** In the order of importance: the pair that must serve, that of an instant rollback, that which may serve next. */
export function wantedPairs({ current, previous, announced }: Deployment): readonly Wanted[] {
  const wanted = (role: Role, pair: ModelPair | null) => (pair ? [{ role, pair }] : []);
  return [...wanted('current', current), ...wanted('previous', previous), ...wanted('announced', announced)];
}

/** Whether the replica has given its word on this very candidate, for or against. */
export function isAnswered(prepared: ReplicaStatus['prepared'], { runId, model }: ModelPair): boolean {
  return prepared?.runId === runId && prepared.modelDigest === model.digest;
}

/** Whether it has refused the candidate; it is not loaded again then. */
export function isRefused(prepared: ReplicaStatus['prepared'], pair: ModelPair): boolean {
  return isAnswered(prepared, pair) && prepared?.refused !== null;
}
