/**
 * Hot swap with a canary before it: the prepared candidate answers a sticky share of the requests for a while, and is
 * committed only if it fails no more, is no slower and scores no differently than the release that answers the rest.
 */
import { createHash } from 'node:crypto';
import type { DeploymentConfig } from '../../contracts/configuration/deployment.ts';
import type { Announced } from '../../contracts/release.ts';
import type { ReplicaStatus } from '../../contracts/replica.ts';
import { breachOf, figuresOf, type Watched } from './guard.ts';
import { createHotSwap, decidePreparing, failure, wait } from './hot-swap.ts';
import type { DeploymentObservation, DeploymentStrategy, DeploymentVerdict } from './strategy.ts';

export function createCanary(): DeploymentStrategy {
  const hotSwap = createHotSwap();
  return {
    name: 'canary',
    decide: (observation, config) =>
      observation.phase === 'canary' ? decideCanary(observation, config) : hotSwap.decide(observation, config),
  };
}

/**
 * Whether the candidate answers the request with this key: the same for every replica, and another share each night.
 */
export function isChosen(runId: string, share: number, key: string | Uint8Array): boolean {
  const hash = createHash('sha256').update(runId).update('\0').update(key).digest();
  return hash.readUInt32BE(0) < share * 2 ** 32;
}

function decideCanary(observation: DeploymentObservation, config: DeploymentConfig): DeploymentVerdict {
  const { deployment, runId, windowOver } = observation;
  if (deployment?.current?.runId === runId) return { action: 'commit' };
  if (deployment?.announced?.runId === runId && !deployment.announced.canary) return wait(`the canary of run ${runId}`);
  const watched = observation.replicas.flatMap((replica) => watchedBy(replica, deployment?.announced ?? null));
  const breach = breachOf(`the canary of run ${runId}`, watched, config);
  if (breach) return { action: 'abort', failure: failure('GUARD_BREACHED', breach) };
  // A replica that came or restarted meanwhile has to prepare as well; if it cannot, the canary ends.
  const prepared = decidePreparing(observation, config);
  if (prepared.action !== 'commit') return prepared;
  return windowOver ? { action: 'commit', figures: figuresOf(watched) } : wait(`the canary of run ${runId} to end`);
}

function watchedBy({ replicaId, canary, figures }: ReplicaStatus, announced: Announced | null): Watched[] {
  return canary && canary.runId === announced?.runId ? [{ replicaId, figures: canary.figures, baseline: figures }] : [];
}
