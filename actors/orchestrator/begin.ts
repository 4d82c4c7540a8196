/**
 * Begins runs through all stages, and others from an origin that again.ts or bless.ts has found. A lock keeps a model to
 * one run at a time. Called for operator commands and by schedules.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { CarriedPipeline } from '../../contracts/configuration/carried.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import type { Blessing, ForkOrigin } from '../../machines/pipeline.machine.ts';
import type { Checkpoint } from '../../machines/step.ts';
import { upcast } from '../../machines/versions.ts';
import { pipelineOf } from './configuration.ts';
import { lockKey, runKey, type OrchestratorContext } from './context.ts';
import { lookBack, type Before } from './look-back.ts';
import { beginRun, type Moved } from './run-loop.ts';
import type { Trigger } from './run-spans.ts';

/** The message that starts a run, and who sent it. */
export interface Sent {
  readonly messageId: string;
  readonly by: string;
  /** Absent where nobody looks. */
  readonly trigger?: Trigger | undefined;
}

export interface RunStart extends Sent {
  readonly model: string;
  readonly runId: string;
}

export interface NightStart extends RunStart {
  /** Goes on also if nothing has changed since the last verdict. */
  readonly force?: boolean | undefined;
}

/** Starts a run through all stages, unless it exists already. Throws MODEL_UNKNOWN or RUN_ACTIVE. */
export async function beginNight(o: OrchestratorContext, { force = false, ...start }: NightStart): Promise<Moved> {
  const pipeline = await pipelineOf(o, start.model);
  return begin(o, start, { pipeline, forkedFrom: null, blessing: null, mayEndUnchanged: !force });
}

export interface Origin {
  readonly pipeline: CarriedPipeline;
  readonly forkedFrom: ForkOrigin;
  readonly blessing: Blessing | null;
}

/** Starts a run that goes on from another, unless it exists already. Throws RUN_ACTIVE. */
export const beginFrom = (o: OrchestratorContext, start: RunStart, origin: Origin): Promise<Moved> =>
  begin(o, start, { ...origin, mayEndUnchanged: false });

interface Beginning extends Omit<Origin, 'forkedFrom'> {
  readonly forkedFrom: ForkOrigin | null;
  readonly mayEndUnchanged: boolean;
}

function begin(
  o: OrchestratorContext,
  { model, runId, messageId, by, trigger }: RunStart,
  beginning: Beginning,
): Promise<Moved> {
  const { mayEndUnchanged, ...rest } = beginning;
  // A definition that has changed since makes another model.
  const given = { ...rest, pipeline: o.local.stamped(rest.pipeline) };
  const input = async () => {
    const before = await takeLock(o, lockKey(model), model, runId);
    const record = (await o.deployments.load(model))?.value ?? null;
    const { unchangedContent, ...past } = await lookBack(o, before, record, given.pipeline);
    const champion = record?.current ?? null;
    const expected = mayEndUnchanged ? unchangedContent : null;
    return { runId, model, kind: 'night' as const, champion, ...given, ...past, unchangedContent: expected };
  };
  return beginRun(o, { runId, messageId, by, trigger, input });
}

/** As the current version of the machine reads it. Throws RUN_UNKNOWN, RUN_VERSION_UNKNOWN. */
export async function loadRun(o: OrchestratorContext, runId: string): Promise<Checkpoint> {
  const stored = await o.runs.load(runKey(runId));
  if (stored) return upcast(stored.value);
  throw new PipelineError('RUN_UNKNOWN', `no run ${runId} is stored; \`nightshift runs\` lists them`);
}

export const notApplicable = (message: string) => new PipelineError('COMMAND_NOT_APPLICABLE', message);

/** A crash between the two leaves a lock whose run was never stored. A younger one may still get its run. */
const LOCK_WITHOUT_RUN_MS = 30_000;

/** Answers the run that held the lock before, if one did. Throws RUN_ACTIVE if another run holds it. */
export async function takeLock(
  o: OrchestratorContext,
  key: string,
  model: string,
  runId: string,
): Promise<Before | null> {
  const now = o.now();
  const held = await o.locks.load(key);
  const unread = (id: string | null): Before | null => (id === null ? null : { runId: id, checkpoint: null });
  if (held?.value.runId === runId) return unread(held.value.before);
  let before: Before | null = null;
  if (held) {
    const run = await o.runs.load(runKey(held.value.runId));
    const young = now.getTime() - Date.parse(held.value.takenAt) < LOCK_WITHOUT_RUN_MS;
    if (run ? run.value.status === 'active' : young) {
      const hint = `cancel it with \`nightshift cancel ${held.value.runId}\` or wait for its end`;
      throw new PipelineError('RUN_ACTIVE', `model ${model}: run ${held.value.runId} is under way; ${hint}`, {
        retryable: !run,
      });
    }
    // A run that was never stored has nothing to look back to.
    before = run ? { runId: held.value.runId, checkpoint: run.value } : unread(held.value.before);
  }
  const lock = { runId, takenAt: now.toISOString(), before: before?.runId ?? null };
  await o.locks.save(key, lock, held?.revision ?? 0);
  return before;
}

/** The model's run that is under way, if one is. */
export async function activeRun(o: OrchestratorContext, model: string): Promise<Checkpoint | null> {
  const latest = await latestRun(o, model);
  return latest?.status === 'active' ? latest : null;
}

/** The run that took the model's lock last; it may have ended. */
export async function latestRun(o: OrchestratorContext, model: string): Promise<Checkpoint | null> {
  const lock = await o.locks.load(lockKey(model));
  return (lock && (await o.runs.load(runKey(lock.value.runId))))?.value ?? null;
}

/** The same for every redelivery of the same message, and readable: `run-20260101-020000-17`. */
export function derivedRunId(prefix: string, { time, seq }: Pick<Delivery, 'time' | 'seq'>): string {
  const [day, clock] = time.toISOString().replaceAll(/[-:]/g, '').split(/[T.]/);
  return `${prefix}-${day}-${clock}-${seq}`;
}
