/**
 * Carries out one effect of a checkpoint's outbox. Doing it twice is doing it once: messages have deterministic ids,
 * changes of the deployment record know the run that made them, a timer replaces the one before.
 */
import { assertNever, PipelineError, toFailure } from '../../contracts/errors.ts';
import type { StartCommand } from '../../contracts/messages.ts';
import { startForAll } from '../../contracts/start-for-all.ts';
import {
  commandSubject,
  modelDeployedSubject,
  modelRolledBackSubject,
  pipelineEventSubject,
} from '../../contracts/subjects.ts';
import type { Deployment } from '../../contracts/release.ts';
import type { PipelineContext, PipelineEvent } from '../../machines/pipeline.machine.ts';
import type { Checkpoint, Effect } from '../../machines/step.ts';
import { deploySpanId, runSpanId, stageSpanId, traceparentOf } from '../../runtime/trace-context.ts';
import { announce, commit, rollBack, startCanary, withdraw, type Terms } from '../../services/deployment/records.ts';
import { refuseLost, refuseUnsigned, withPapers } from './check-release.ts';
import type { OrchestratorContext } from './context.ts';
import { failureOf } from './failure-of.ts';

/** An effect that the world refused for good: the machine is told by an event. */
export interface EffectFailure {
  readonly id: string;
  readonly event: PipelineEvent;
}

export async function carryOut(
  o: OrchestratorContext,
  checkpoint: Checkpoint,
  effect: Effect,
): Promise<EffectFailure | null> {
  const { runId, model } = checkpoint.context;
  const options = (id: string, parentSpanId: string) => ({ id, traceparent: traceparentOf(runId, id), parentSpanId });
  switch (effect.kind) {
    case 'command':
      await o.bus.publish(
        commandSubject(effect.stage, effect.verb, runId),
        dataFor(effect),
        options(effect.id, stageSpanId(runId, effect.stage, checkpoint.context.attempt)),
      );
      return null;
    case 'fact': {
      const data = { runId, model, state: effect.state, failure: failureOf(checkpoint.context) };
      await o.bus.publish(pipelineEventSubject(effect.fact, runId), data, options(effect.id, runSpanId(runId)));
      await bearWitness(o, checkpoint);
      return null;
    }
    case 'deployed': {
      const subject = effect.rolledBack ? modelRolledBackSubject(model) : modelDeployedSubject(model);
      const parent = effect.rolledBack ? runSpanId(runId) : deploySpanId(runId);
      await o.bus.publish(subject, effect.deployed, options(effect.id, parent));
      return null;
    }
    case 'timer.set':
      await o.timers.set({
        runId,
        timerId: effect.timerId,
        dueAt: new Date(effect.dueAt),
        payload: { armedAt: effect.armedAt },
        id: `${runId}.${effect.timerId}.${effect.armedAt}`,
      });
      return null;
    case 'timer.cancel':
      await o.timers.cancel(runId, effect.timerId);
      return null;
    case 'deployment':
      return changeDeployment(o, checkpoint, effect);
    default:
      return assertNever(effect);
  }
}

/** Workers may be of an older version, during a rolling upgrade. */
function dataFor({ stage, verb, data }: Extract<Effect, { kind: 'command' }>): unknown {
  // A command that starts something has the data of its stage's start; the machine makes no other.
  return verb === 'start' ? startForAll(stage, data as StartCommand<typeof stage>) : data;
}

/**
 * Changes that lead to a release with a new number; and the withdrawal, so that a run with a lost record does not end as if
 * all were in order. A commit follows upon an announcement.
 */
const WITH_NEW_NUMBER: ReadonlySet<DeploymentEffect['change']> = new Set(['announce', 'rollBack', 'withdraw']);

type DeploymentEffect = Extract<Effect, { kind: 'deployment' }>;

/** A refusal that no retry can mend becomes the machine's event `deploy.failed`. Any other error is thrown. */
async function changeDeployment(o: OrchestratorContext, checkpoint: Checkpoint, effect: DeploymentEffect) {
  const { runId, model } = checkpoint.context;
  try {
    const stored = await o.deployments.load(model);
    const { change } = effect;
    if (WITH_NEW_NUMBER.has(change)) await refuseLost(o, model, stored?.value ?? null);
    const pair = effect.pair && (await withPapers(o, effect.pair, checkpoint.context));
    const wanted = change === 'rollBack' ? stored?.value.previous : pair;
    if (wanted) await refuseUnsigned(o, model, wanted);
    const record = changed({ change, pair }, stored?.value ?? null, checkpoint, o.now());
    // A conflict is retryable: the whole step is taken again, and finds what the other one wrote.
    if (record !== stored?.value) await o.deployments.save(model, record, stored?.revision ?? 0);
    o.log.info({ runId, model, change: effect.change }, 'orchestrator: deployment record changed');
    return null;
  } catch (error) {
    const failure = toFailure(error);
    if (failure.retryable) throw error;
    return { id: `${effect.id}.failed`, event: { type: 'deploy.failed' as const, failure } };
  }
}

type Change = Pick<DeploymentEffect, 'change' | 'pair'>;

function changed(effect: Change, record: Deployment | null, checkpoint: Checkpoint, now: Date): Deployment {
  const { context, answers: by = null } = checkpoint;
  const { runId, model } = context;
  if (effect.change === 'announce') return announce(record, effect.pair!, runId, model); // `announce` always has a pair.
  if (!record)
    throw new PipelineError('DEPLOYMENT_CONFLICT', `run ${runId}: model ${model} has no deployment record to change`);
  const retainedMax = context.pipeline.deployment.retainedReleases;
  switch (effect.change) {
    case 'startCanary': {
      const { share, keyHeader } = context.pipeline.deployment.canary;
      return startCanary(record, runId, { share, keyHeader });
    }
    case 'commit':
      return commit(record, runId, now, { retainedMax, by, ...occasionOf(context) });
    case 'rollBack':
      return rollBack(record, runId, now, { retainedMax, by, ...causeOf(context) });
    case 'withdraw':
      return withdraw(record, runId);
    default:
      return assertNever(effect.change);
  }
}

/** An operator blessed the candidate, or said why an earlier pair is wanted; of any other there is nothing to say. */
function occasionOf({ blessing, reason }: PipelineContext): Partial<Terms> {
  if (blessing) return { reason: 'blessed', why: `${blessing.by}: ${blessing.reason}` };
  return { why: reason ?? null };
}

/** An operator wants the release of this run gone, or its guard does; and why. */
function causeOf({ kind, failure, reason }: PipelineContext): Partial<Terms> {
  if (kind === 'rollback') return { reason: 'operator', why: reason ?? null };
  const why = failure?.message ?? null;
  return failure?.code === 'CANCELLED' ? { reason: 'operator', why } : { reason: 'guard', why, by: 'guard' };
}

/** Told again after a crash. One that fails is told of, and holds up no run. */
async function bearWitness({ witnesses = [], log }: OrchestratorContext, checkpoint: Checkpoint): Promise<void> {
  const { runId } = checkpoint.context;
  for (const witness of witnesses) {
    try {
      await witness.moved(checkpoint);
    } catch (err) {
      log.warn({ err, runId }, `orchestrator: ${witness.name} could not follow a transition; the run goes on`);
    }
  }
}
