/**
 * Asks the deployment strategy what the replicas' reports mean for a run that is deploying. Level-triggered: it reads
 * the state as it is, so a report that was missed or came twice makes no difference.
 */
import { assertNever } from '../../contracts/errors.ts';
import type { Deployment } from '../../contracts/values.ts';
import type { PipelineEvent } from '../../machines/pipeline.machine.ts';
import { isWindowOver, observedPhase, type Checkpoint } from '../../machines/step.ts';
import { originOf } from '../../services/deployment/retained.ts';
import { createDeploymentStrategy } from '../../services/deployment/strategies.ts';
import type { DeploymentVerdict } from '../../services/deployment/strategy.ts';
import type { OrchestratorContext } from './context.ts';

export const OBSERVE_TIMER = 'observe';
/** A replica that dies sends no event: its absence is noticed by looking, at this interval. */
const OBSERVE_INTERVAL_MS = 500;

/** The event that the machine should get, or null when there is nothing to observe or to decide; then it looks again. */
export async function observe(o: OrchestratorContext, checkpoint: Checkpoint): Promise<PipelineEvent | null> {
  const phase = observedPhase(checkpoint);
  if (!phase) return null;
  const { runId, model, pipeline } = checkpoint.context;
  const deployment = (await o.deployments.load(model))?.value ?? null;
  const replicas = await o.liveReplicas(model);
  const strategy = createDeploymentStrategy(pipeline.deployment.strategy);
  const verdict = strategy.decide(
    { runId, phase, deployment, replicas, windowOver: isWindowOver(checkpoint) },
    pipeline.deployment,
  );
  const event = toEvent(verdict, checkpoint, deployment);
  if (!event) await lookAgain(o, runId);
  return event;
}

async function lookAgain(o: OrchestratorContext, runId: string) {
  const dueAt = new Date(o.now().getTime() + OBSERVE_INTERVAL_MS);
  // The id has the time in it: a message with a known id would be dropped as a duplicate and the timer not moved.
  await o.timers.set({ runId, timerId: OBSERVE_TIMER, dueAt, payload: {}, id: `${runId}.observe.${dueAt.getTime()}` });
}

function toEvent(
  verdict: DeploymentVerdict,
  checkpoint: Checkpoint,
  deployment: Deployment | null,
): PipelineEvent | null {
  switch (verdict.action) {
    case 'wait':
      return null;
    case 'commit':
      return { type: 'deployment.prepared', figures: verdict.figures };
    case 'abort':
      return { type: 'deployment.refused', failure: verdict.failure };
    case 'keep':
      return { type: 'deployment.kept', figures: verdict.figures };
    case 'roll-back':
      return { type: 'deployment.breached', failure: verdict.failure };
    case 'switched':
      return { type: 'deployment.switched', deployed: deployedOf(verdict, checkpoint, deployment!) };
    default:
      return assertNever(verdict);
  }
}

/** `switched` is only said of a record that has an epoch in service. */
function deployedOf(
  verdict: Extract<DeploymentVerdict, { action: 'switched' }>,
  { context: { runId, model } }: Checkpoint,
  { current, previous }: Deployment,
) {
  return {
    runId,
    model,
    epoch: current!.epoch,
    modelDigest: current!.model.digest,
    galleryDigest: current!.gallery.digest,
    previousEpoch: previous?.epoch ?? null,
    replicas: verdict.replicas,
    swapUsMax: verdict.swapUsMax,
    origin: originOf(current!),
  };
}
