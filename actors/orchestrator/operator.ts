/**
 * Operator commands: start, cancel, resume, rollback. A command that cannot be obeyed throws; the bus dead-letters it
 * and `refuse` publishes why, where `nats sub 'nightshift.evt.operator.>'` sees it.
 */
import type { z } from 'zod';
import { PipelineError, type Failure } from '../../contracts/errors.ts';
import { parseData } from '../../contracts/envelope.ts';
import { CtlSchemas } from '../../contracts/messages.ts';
import type { PipelineConfig } from '../../contracts/pipeline.ts';
import { commandRefusedSubject, CTL } from '../../contracts/subjects.ts';
import type { Deployment } from '../../contracts/values.ts';
import type { Delivery } from '../../infra/bus.ts';
import { observedPhase, type Checkpoint } from '../../machines/step.ts';
import { targetOf } from '../../services/deployment/retained.ts';
import { lockKey, runKey, type OrchestratorContext } from './context.ts';
import { applyEvent, beginRun } from './run-loop.ts';

export async function handleOperator(o: OrchestratorContext, delivery: Delivery): Promise<void> {
  const { envelope, subject } = delivery;
  switch (subject) {
    case CTL.pipelineStart:
      return startPipeline(o, delivery, parseData(CtlSchemas[CTL.pipelineStart], envelope));
    case CTL.pipelineCancel:
      return tellRun(o, delivery, 'operator.cancel', parseData(CtlSchemas[CTL.pipelineCancel], envelope));
    case CTL.pipelineResume:
      return tellRun(o, delivery, 'operator.resume', parseData(CtlSchemas[CTL.pipelineResume], envelope));
    case CTL.modelRollback:
      return rollBackModel(o, delivery, parseData(CtlSchemas[CTL.modelRollback], envelope));
    default: {
      const known = Object.values(CTL).join(', ');
      throw new PipelineError('MESSAGE_MALFORMED', `orchestrator: no command ${subject}; there are ${known}`);
    }
  }
}

/** Says publicly that a command was refused. Its id is the command's own, so that the sender can find it. */
export async function refuse(o: OrchestratorContext, failure: Failure, id: string, subject: string): Promise<void> {
  o.log.warn({ id, subject, ...failure }, 'orchestrator: operator command refused');
  await o.bus.publish(
    commandRefusedSubject(id.replaceAll(/[^A-Za-z0-9_-]/g, '-')),
    { commandId: id, subject, failure },
    { id: `${id}.refused` },
  );
}

async function startPipeline(
  o: OrchestratorContext,
  delivery: Delivery,
  data: { model: string; runId?: string | undefined },
) {
  const runId = data.runId ?? derivedRunId('run', delivery);
  await startNight(o, { model: data.model, runId, messageId: delivery.envelope.id, now: delivery.time });
}

export interface NightStart {
  readonly model: string;
  readonly runId: string;
  readonly messageId: string;
  readonly now: Date;
}

/** Starts a run through all stages, unless it exists already. Throws MODEL_UNKNOWN or RUN_ACTIVE. */
export async function startNight(o: OrchestratorContext, { model, runId, messageId, now }: NightStart): Promise<void> {
  const pipeline = pipelineOf(o, model);
  await takeLock(o, model, runId, now);
  const champion = (await o.deployments.load(model))?.value.current ?? null;
  await beginRun(o, { runId, model, kind: 'night', pipeline, champion }, messageId, now);
}

async function tellRun(
  o: OrchestratorContext,
  { envelope, time }: Delivery,
  type: 'operator.cancel' | 'operator.resume',
  { runId, reason }: { runId: string; reason?: string | undefined },
) {
  const stored = await o.runs.load(runKey(runId));
  if (stored?.value.status === 'done' && !stored.value.seen.includes(envelope.id)) {
    throw new PipelineError('RUN_ENDED', `run ${runId} has ended already; start a new one`);
  }
  await applyEvent(o, runId, envelope.id, { type, reason }, time);
}

/**
 * A run that has just put the newest epoch into service takes it back itself; otherwise a run of its own does. A pair
 * that has to be loaded always gets a run of its own, and the newest epoch is gone before it is loaded.
 */
async function rollBackModel(
  o: OrchestratorContext,
  delivery: Delivery,
  { model, epoch, runId: chosen, reason }: z.infer<(typeof CtlSchemas)[typeof CTL.modelRollback]>,
) {
  const pipeline = pipelineOf(o, model);
  const { envelope, time } = delivery;
  const runId = chosen ?? derivedRunId('rollback', delivery);
  const isBegun = (await o.runs.load(runKey(runId))) !== null;
  const latest = await latestRun(o, model);
  // A redelivery goes where the first delivery went, also when that run has ended since.
  const isTold = latest?.seen.includes(envelope.id) ?? false;
  const record = (await o.deployments.load(model))?.value ?? null;
  const isDone = isTold && (epoch === undefined || targetOf(record, model, epoch).kind === 'current');
  const target = isBegun || isDone ? null : await reachable(o, record, model, epoch);
  const isFresh = latest !== null && latest.status === 'active' && ROLLS_BACK.has(observedPhase(latest));
  if (latest && !isBegun && (isTold || isFresh)) {
    await applyEvent(o, latest.context.runId, envelope.id, { type: 'operator.rollback', reason }, time);
    if (target?.kind !== 'retained') return;
  }
  const input = { runId, model, kind: 'rollback' as const, pipeline, champion: record?.current ?? null, reason };
  const wanted = target?.kind === 'retained' ? { target: target.candidate } : {};
  await beginRun(o, { ...input, ...wanted }, envelope.id, time);
}

/** Phases of a run whose epoch is in service, or may be. */
const ROLLS_BACK: ReadonlySet<ReturnType<typeof observedPhase>> = new Set(['committing', 'guarding', 'rollingBack']);

/** Where the rollback leads. Throws NO_PREVIOUS_EPOCH, EPOCH_NOT_RETAINED, or BLOB_MISSING: refused at once, not later. */
async function reachable(o: OrchestratorContext, record: Deployment | null, model: string, epoch: number | undefined) {
  const target = targetOf(record, model, epoch);
  if (target.kind === 'previous') return target;
  if (target.kind === 'current') {
    const message = `model ${model}: the pair of epoch ${epoch} is in service already, as epoch ${target.epoch}`;
    throw new PipelineError('EPOCH_NOT_RETAINED', message);
  }
  const { model: net, gallery, golden } = target.candidate;
  for (const { bucket, key, digest } of [net, gallery, golden]) {
    if ((await o.blobs.find(bucket, key))?.digest === digest) continue;
    const message = `model ${model}, epoch ${epoch}: ${bucket}/${key} is no longer stored, so its pair cannot be loaded`;
    throw new PipelineError('BLOB_MISSING', message);
  }
  return target;
}

function pipelineOf(o: OrchestratorContext, model: string): PipelineConfig {
  const pipeline = o.pipelines[model];
  if (pipeline) return pipeline;
  const known = Object.keys(o.pipelines).join(', ') || 'none';
  throw new PipelineError('MODEL_UNKNOWN', `no pipeline for a model "${model}" is configured; configured: ${known}`);
}

/** The same for every redelivery of the same message, and readable: `run-20260101-020000-17`. */
function derivedRunId(prefix: string, { time, seq }: Delivery): string {
  const [day, clock] = time.toISOString().replaceAll(/[-:]/g, '').split(/[T.]/);
  return `${prefix}-${day}-${clock}-${seq}`;
}

/** A lock whose run was never stored is left by a crash between the two; it is young when that still goes on. */
const LOCK_WITHOUT_RUN_MS = 30_000;

async function takeLock(o: OrchestratorContext, model: string, runId: string, now: Date): Promise<void> {
  const held = await o.locks.load(lockKey(model));
  if (held?.value.runId === runId) return;
  if (held) {
    const run = await o.runs.load(runKey(held.value.runId));
    const young = o.now().getTime() - Date.parse(held.value.takenAt) < LOCK_WITHOUT_RUN_MS;
    if (run ? run.value.status === 'active' : young) {
      const hint = `cancel it with \`nightshift cancel ${held.value.runId}\` or wait for its end`;
      throw new PipelineError('RUN_ACTIVE', `model ${model}: run ${held.value.runId} is under way; ${hint}`, {
        retryable: !run,
      });
    }
  }
  await o.locks.save(lockKey(model), { runId, takenAt: now.toISOString() }, held?.revision ?? 0);
}

/** The model's run that is under way, if one is. */
export async function activeRun(o: OrchestratorContext, model: string): Promise<Checkpoint | null> {
  const latest = await latestRun(o, model);
  return latest?.status === 'active' ? latest : null;
}

/** The run that took the model's lock last; it may have ended. */
async function latestRun(o: OrchestratorContext, model: string): Promise<Checkpoint | null> {
  const lock = await o.locks.load(lockKey(model));
  return (lock && (await o.runs.load(runKey(lock.value.runId))))?.value ?? null;
}
