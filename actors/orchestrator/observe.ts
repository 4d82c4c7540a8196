/**
 * Looks at the world for a run that waits. For one that is deploying it asks the deployment strategy what the replicas'
 * reports mean; for others it watches the worker's signs of life. It is level-triggered: it reads the state as it is,
 * so a report that was missed or came twice makes no difference, and a look costs no checkpoint.
 */
import type { CarriedDeployment } from '../../contracts/configuration/carried.ts';
import { assertNever, PipelineError, toFailure } from '../../contracts/errors.ts';
import { commandSubject, STREAMS, workEventSubject, type WorkStage } from '../../contracts/subjects.ts';
import type { Deployment } from '../../contracts/release.ts';
import { workerConsumer } from '../../infra/topology/consumers.ts';
import type { PipelineEvent } from '../../machines/pipeline.machine.ts';
import { beatingCommand, isWindowOver, isWithdrawing, observedPhase, type Checkpoint } from '../../machines/step.ts';
import { originOf } from '../../services/deployment/retained.ts';
import { createDeploymentStrategy, unavailable } from '../../services/deployment/strategies.ts';
import type { DeploymentObservation, DeploymentVerdict } from '../../services/deployment/strategy.ts';
import type { OrchestratorContext } from './context.ts';

export const OBSERVE_TIMER = 'observe';
/** A replica that dies sends no event: its absence is noticed by looking, at this interval. */
const OBSERVE_INTERVAL_MS = 500;

/**
 * The event that the machine should get, or null when there is nothing to observe or to decide; then it looks again.
 */
export async function observe(o: OrchestratorContext, checkpoint: Checkpoint): Promise<PipelineEvent | null> {
  if (await lookLater(o, checkpoint)) return null;
  const startId = beatingCommand(checkpoint);
  if (startId) return observeWorker(o, checkpoint, startId);
  if (isWithdrawing(checkpoint)) return observeWithdrawal(o, checkpoint);
  const phase = observedPhase(checkpoint);
  return phase && observeReplicas(o, checkpoint, phase);
}

/**
 * Arms the next look at a worker whose run has come to this state just now, when nothing can be overdue. It looks at
 * nothing, so it may be done beside the outbox. False if it is time for a look.
 */
export async function lookLater(o: OrchestratorContext, checkpoint: Checkpoint): Promise<boolean> {
  const windowMs = windowOf(checkpoint);
  const isTime = o.now().getTime() - Date.parse(checkpoint.updatedAt) >= windowMs;
  if (!beatingCommand(checkpoint) || isTime) return false;
  await lookAgain(o, checkpoint.context.runId, windowMs);
  return true;
}

/** The change was made before this look, so the record tells whether it happened. */
async function observeWithdrawal(o: OrchestratorContext, { context }: Checkpoint): Promise<PipelineEvent | null> {
  const record = (await o.deployments.load(context.model))?.value;
  return record?.announced?.runId === context.runId ? null : { type: 'deploy.withdrawn' };
}

/** A worker that answers without a sign of life is asked less and less often, so that the time line has room for it. */
const ASKS_THAT_WIDEN_MAX = 6;
const windowOf = ({ context: { asks, pipeline } }: Checkpoint) =>
  pipeline.timeouts.heartbeatMs * 2 ** Math.min(asks, ASKS_THAT_WIDEN_MAX);

/**
 * Silence is worth a question only when the window has passed since the worker's last sign and since the run came to
 * this state. A command that waits its turn while workers are there makes no noise either.
 */
async function observeWorker(o: OrchestratorContext, checkpoint: Checkpoint, startId: string) {
  const { runId } = checkpoint.context;
  const stage = checkpoint.context.stage!; // A start command has a stage.
  const windowMs = windowOf(checkpoint);
  const sign = await o.bus.lastTimeOn(STREAMS.events, workEventSubject(stage, 'progressed', runId));
  const silentMs = sign ? o.now().getTime() - sign.getTime() : Infinity;
  if (silentMs < windowMs) return lookAgain(o, runId, windowMs - silentMs);
  if (await waitsItsTurn(o, stage, runId)) return lookAgain(o, runId, windowMs);
  return { type: 'worker.silent' as const, commandId: startId };
}

async function waitsItsTurn({ bus }: OrchestratorContext, stage: WorkStage, runId: string): Promise<boolean> {
  const start = commandSubject(stage, 'start', runId);
  return (
    (await bus.isQueued(STREAMS.commands, workerConsumer(stage, 'start'), start)) &&
    (await bus.isAttended(STREAMS.commands, workerConsumer(stage, 'control')))
  );
}

async function observeReplicas(
  o: OrchestratorContext,
  checkpoint: Checkpoint,
  phase: DeploymentObservation['phase'],
): Promise<PipelineEvent | null> {
  const { runId, model, pipeline } = checkpoint.context;
  const deployment = (await o.deployments.load(model))?.value ?? null;
  const replicas = await o.liveReplicas(model);
  const { strategy, config } = await strategyOf(o, pipeline.deployment);
  const verdict = strategy.decide({ runId, phase, deployment, replicas, windowOver: isWindowOver(checkpoint) }, config);
  const event = toEvent(verdict, checkpoint, deployment);
  return event ?? lookAgain(o, runId, OBSERVE_INTERVAL_MS);
}

/** A strategy that this machine's file does not define is as one that cannot be loaded. */
async function strategyOf({ local }: OrchestratorContext, settings: CarriedDeployment) {
  try {
    const config = local.deployment(settings);
    return { strategy: await createDeploymentStrategy(config.strategy), config };
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    return { strategy: unavailable(toFailure(error)), config: { ...settings, strategy: 'hot-swap' as const } };
  }
}

async function lookAgain(o: OrchestratorContext, runId: string, afterMs: number): Promise<null> {
  const dueAt = new Date(o.now().getTime() + afterMs);
  // The id has the time in it: a message with a known id would be dropped as a duplicate and the timer not moved.
  await o.timers.set({ runId, timerId: OBSERVE_TIMER, dueAt, payload: {}, id: `${runId}.observe.${dueAt.getTime()}` });
  return null;
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
      return { type: 'deploy.prepared', figures: verdict.figures };
    case 'abort':
      return { type: 'deploy.refused', failure: verdict.failure };
    case 'keep':
      return { type: 'deploy.kept', figures: verdict.figures };
    case 'roll-back':
      return { type: 'deploy.breached', failure: verdict.failure };
    case 'switched':
      return { type: 'deploy.switched', deployed: deployedOf(verdict, checkpoint, deployment!) };
    default:
      return assertNever(verdict);
  }
}

/** `switched` is only said of a record that has a release in service. */
function deployedOf(
  verdict: Extract<DeploymentVerdict, { action: 'switched' }>,
  { context: { runId, model } }: Checkpoint,
  { current, previous }: Deployment,
) {
  return {
    runId,
    model,
    release: current!.release,
    modelDigest: current!.model.digest,
    galleryDigest: current!.gallery.digest,
    previousRelease: previous?.release ?? null,
    replicas: verdict.replicas,
    swapUsMax: verdict.swapUsMax,
    origin: originOf(current!),
  };
}
