/**
 * The default deployment: every live replica holds the candidate before one of them serves it, then all switch at
 * once, and the former model stays resident. A pure policy; the orchestrator acts on its verdicts.
 */
import { assertNever, ERRORS, type ErrorCode, type Failure } from '../../contracts/errors.ts';
import type { DeploymentConfig } from '../../contracts/configuration/deployment.ts';
import type { Deployment, Release, ModelPair } from '../../contracts/release.ts';
import type { ReplicaStatus } from '../../contracts/replica.ts';
import { breachOf, figuresOf, type Watched } from './guard.ts';
import type { DeploymentObservation, DeploymentStrategy, DeploymentVerdict } from './strategy.ts';

export const createHotSwap = (): DeploymentStrategy => ({ name: 'hot-swap', decide });

function decide(observation: DeploymentObservation, config: DeploymentConfig): DeploymentVerdict {
  const { deployment, phase, runId } = observation;
  if (!deployment) return wait(`the announcement of run ${runId} in the deployment record`);
  const replicas = inService(deployment, observation.replicas);
  switch (phase) {
    // Without a canary a prepared candidate may be committed.
    case 'preparing':
    case 'canary':
      return decidePreparing(observation, config);
    case 'committing':
      if (deployment.current?.runId !== runId) return wait(`the commit of run ${runId}`);
      return decideSwitched(deployment.current, replicas, config.replicasMin);
    case 'rollingBack':
      if (!deployment.current) return wait('a release in service');
      // The record decides: a replica that returns converges on it, so with none left there is nobody to wait for.
      return decideSwitched(deployment.current, replicas, 0);
    case 'guarding':
      return decideGuarding(deployment, { ...observation, replicas }, config);
    default:
      return assertNever(phase);
  }
}

export function decidePreparing(
  observation: DeploymentObservation,
  { replicasMin }: DeploymentConfig,
): DeploymentVerdict {
  const { deployment, runId } = observation;
  if (!deployment) return wait(`the announcement of run ${runId} in the deployment record`);
  const { announced, current } = deployment;
  const replicas = inService(deployment, observation.replicas);
  if (announced && announced.runId !== runId) {
    const message = `run ${announced.runId} has announced its own candidate; run ${runId} gives way`;
    return { action: 'abort', failure: failure('DEPLOYMENT_CONFLICT', message) };
  }
  // A commit that has happened already is found again by a repeated step; committing twice changes nothing.
  if (!announced) return current?.runId === runId ? { action: 'commit' } : wait(`the announcement of run ${runId}`);
  const refusal = replicas.find((replica) => isOf(announced, replica) && replica.prepared?.refused);
  if (refusal) return { action: 'abort', failure: refusalOf(refusal, runId) };
  const pending = replicas.filter((replica) => !isOf(announced, replica)).map(({ replicaId }) => replicaId);
  if (pending.length > 0) return wait(`replicas ${pending.join(', ')} to prepare the candidate of run ${runId}`);
  if (replicas.length < replicasMin) return wait(liveReplicas(replicas.length, replicasMin));
  return { action: 'commit' };
}

function decideSwitched(
  { release }: Release,
  replicas: readonly ReplicaStatus[],
  replicasMin: number,
): DeploymentVerdict {
  if (replicas.length < replicasMin) return wait(liveReplicas(replicas.length, replicasMin));
  // Requests that began on an earlier release are answered first: no reply carries it after this verdict.
  const isPending = (replica: ReplicaStatus) => replica.release !== release || replica.draining;
  const pending = replicas.filter(isPending).map(({ replicaId }) => replicaId);
  if (pending.length > 0) return wait(`replicas ${pending.join(', ')} to switch to release ${release}`);
  const swapUsMax = Math.max(0, ...replicas.map(({ swapUs }) => swapUs ?? 0));
  return { action: 'switched', replicas: replicas.length, swapUsMax };
}

function decideGuarding(
  { current }: Deployment,
  { runId, replicas, windowOver }: DeploymentObservation,
  config: DeploymentConfig,
): DeploymentVerdict {
  if (current?.runId !== runId) {
    const message = `release ${current?.release ?? 'none'} of run ${current?.runId ?? 'none'} serves instead of run ${runId}'s`;
    return { action: 'roll-back', failure: failure('DEPLOYMENT_CONFLICT', message) };
  }
  const serving = replicas.filter(({ release }) => release === current.release);
  if (serving.length === 0) {
    const message = `none of ${replicas.length} live replicas serves release ${current.release} any more`;
    return { action: 'roll-back', failure: failure('NOT_READY', message) };
  }
  const watched = serving.map(watchedBy);
  const breach = breachOf(`release ${current.release}`, watched, config);
  if (breach) return { action: 'roll-back', failure: failure('GUARD_BREACHED', breach) };
  return windowOver
    ? { action: 'keep', figures: figuresOf(watched) }
    : wait(`the guard window of release ${current.release} to pass`);
}

/** Against the figures of the release before it on the same replica, if it was there. */
const watchedBy = ({ replicaId, figures, former }: ReplicaStatus): Watched => ({
  replicaId,
  figures,
  baseline: former?.figures ?? null,
});

/** A replica that has taken itself out of service answers nobody, so nobody waits for it. */
const inService = (deployment: Deployment, replicas: readonly ReplicaStatus[]) =>
  replicas.filter(({ model, outOfService }) => model === deployment.model && outOfService === null);

/** The replica's word is on this candidate: of the same run and the same bytes. */
const isOf = ({ runId, model }: ModelPair, { prepared }: ReplicaStatus) =>
  prepared?.runId === runId && prepared.modelDigest === model.digest;

/** A replica writes `<CODE>: <message>`; a text without a known code is still a refusal. */
function refusalOf({ replicaId, prepared }: ReplicaStatus, runId: string): Failure {
  const reason = prepared?.refused ?? '';
  const code = reason.split(':', 1)[0]!;
  const known = code in ERRORS ? (code as ErrorCode) : 'MODEL_MISMATCH';
  return failure(known, `replica ${replicaId} refused the candidate of run ${runId}: ${reason}`);
}

const liveReplicas = (live: number, min: number) => `${min} live replicas (${live} there)`;
export const wait = (waitingFor: string): DeploymentVerdict => ({ action: 'wait', waitingFor });
export const failure = (code: ErrorCode, message: string): Failure => ({ code, message, retryable: false });
