/**
 * Begins runs: from scratch, at the point where another run failed, or from a stage of another with changes. A lock
 * keeps a model to one run at a time. Called for operator commands and by schedules.
 */
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { Stage } from '../../contracts/subjects.ts';
import { PipelineConfigSchema, type PipelineConfig } from '../../contracts/configuration/pipeline.ts';
import { STAGES, WORK_STAGES } from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import type { ForkOrigin, PipelineContext } from '../../machines/pipeline.machine.ts';
import { statePath, type Checkpoint } from '../../machines/step.ts';
import { lockKey, runKey, type OrchestratorContext } from './context.ts';
import { beginRun, type Moved } from './run-loop.ts';

export interface NightStart {
  readonly model: string;
  readonly runId: string;
  readonly messageId: string;
}

/** Starts a run through all stages, unless it exists already. Throws MODEL_UNKNOWN or RUN_ACTIVE. */
export const beginNight = (o: OrchestratorContext, start: NightStart): Promise<Moved> =>
  beginWith(o, start, pipelineOf(o, start.model), null);

/**
 * A new run that goes on where an ended one failed, with that one's configuration and results. The same run is retried
 * once: asking again finds the run that the first asking made. Throws RUN_UNKNOWN, RUN_ACTIVE, COMMAND_NOT_APPLICABLE.
 */
export async function retryRun(o: OrchestratorContext, oldId: string, messageId: string) {
  const old = await loadRun(o, oldId);
  const { context } = old;
  const runId = retryIdOf(oldId);
  const existing = await o.runs.load(runKey(runId));
  if (!existing && old.status === 'active') {
    const hint = `\`nightshift ${statePath(old.value) === 'needsOperator' ? 'resume' : 'cancel'} ${oldId}\` comes first`;
    throw new PipelineError('RUN_ACTIVE', `run ${oldId} has not ended, it stands in ${statePath(old.value)}; ${hint}`);
  }
  if (context.kind === 'rollback') throw notApplicable(`run ${oldId} is a rollback; ask for another instead`);
  if (statePath(old.value) === 'completed')
    throw notApplicable(`run ${oldId} has completed; start a new one or fork it`);
  const origin = originOf(oldId, context, failedStage(context));
  return beginWith(o, { model: context.model, runId, messageId }, context.pipeline, origin);
}

export interface Fork {
  readonly runId: string;
  readonly from: Stage;
  readonly changes: Readonly<Record<string, unknown>>;
  readonly newRunId: string;
}

/** A new run from a stage of another, which may have ended in any way, with a changed copy of its configuration. */
export async function forkRun(o: OrchestratorContext, fork: Fork, messageId: string) {
  const { context } = await loadRun(o, fork.runId);
  if (context.kind === 'rollback') throw notApplicable(`run ${fork.runId} is a rollback; it has no stages`);
  const origin = originOf(fork.runId, context, fork.from);
  const pipeline = changedPipeline(context.pipeline, fork);
  return beginWith(o, { model: context.model, runId: fork.newRunId, messageId }, pipeline, origin);
}

async function beginWith(
  o: OrchestratorContext,
  { model, runId, messageId }: NightStart,
  pipeline: PipelineConfig,
  forkedFrom: ForkOrigin | null,
): Promise<Moved> {
  const input = async () => {
    await takeLock(o, lockKey(model), model, runId);
    const champion = (await o.deployments.load(model))?.value.current ?? null;
    return { runId, model, kind: 'night' as const, pipeline, champion, forkedFrom };
  };
  return beginRun(o, { runId, messageId, input });
}

/** `run-7` is retried as `run-7-r1`, that one as `run-7-r2`. */
export function retryIdOf(runId: string): string {
  const [, base, number] = /^(.*?)(?:-r(\d+))?$/.exec(runId)!; // Matches any text.
  return `${base}-r${Number(number ?? 0) + 1}`;
}

/** The first stage without a result that may be kept. A candidate that only a person rejected can be deployed. */
function failedStage({ dataset, candidate, verification }: PipelineContext): Stage {
  if (verification?.verdict === 'passed') return 'deploy';
  if (candidate) return 'verify';
  return dataset ? 'train' : 'collect';
}

/** The results of the stages before. Throws COMMAND_NOT_APPLICABLE if one of them is lacking. */
function originOf(runId: string, { dataset, candidate, verification }: PipelineContext, stage: Stage): ForkOrigin {
  const rank = STAGES.indexOf(stage);
  const passed = verification?.verdict === 'passed' ? verification : null;
  const results = [dataset, candidate, passed].slice(0, rank);
  const lacking = WORK_STAGES.find((_, index) => index < rank && !results[index]);
  if (lacking)
    throw notApplicable(`run ${runId} cannot be forked from ${stage}: its ${lacking} has no result to reuse`);
  return {
    runId,
    stage,
    dataset: rank > 0 ? dataset : null,
    candidate: rank > 1 ? candidate : null,
    verification: rank > 2 ? passed : null,
  };
}

function changedPipeline(pipeline: PipelineConfig, { runId, changes }: Fork): PipelineConfig {
  const parsed = PipelineConfigSchema.safeParse(merged(pipeline, changes));
  if (!parsed.success)
    throw new PipelineError('REQUEST_INVALID', `fork of run ${runId}: ${describeIssues(parsed.error)}`);
  const unknown = unknownKeys(changes, parsed.data);
  if (unknown.length === 0) return parsed.data;
  throw new PipelineError('REQUEST_INVALID', `fork of run ${runId}: there is no setting ${unknown.join(', ')}`);
}

/** The schema drops what it does not know; a misspelt change must not be dropped in silence. */
const unknownKeys = (changes: unknown, known: unknown, path = ''): string[] => {
  if (!isObject(changes)) return [];
  return Object.entries(changes).flatMap(([key, value]) =>
    isObject(known) && key in known ? unknownKeys(value, known[key], `${path}${key}.`) : [`${path}${key}`],
  );
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/** Objects are merged key by key; everything else is replaced. */
function merged(base: unknown, changes: unknown): unknown {
  if (!isObject(base) || !isObject(changes)) return changes;
  const keys = Object.entries(changes).map(([key, value]) => [key, merged(base[key], value)]);
  return { ...base, ...Object.fromEntries(keys) };
}

export function pipelineOf(o: OrchestratorContext, model: string): PipelineConfig {
  const pipeline = o.pipelines[model];
  if (pipeline) return pipeline;
  const known = Object.keys(o.pipelines).join(', ') || 'none';
  throw new PipelineError('MODEL_UNKNOWN', `no pipeline for a model "${model}" is configured; configured: ${known}`);
}

/** Throws RUN_UNKNOWN. */
export async function loadRun(o: OrchestratorContext, runId: string): Promise<Checkpoint> {
  const stored = await o.runs.load(runKey(runId));
  if (stored) return stored.value;
  throw new PipelineError('RUN_UNKNOWN', `no run ${runId} is stored; \`nightshift runs\` lists them`);
}

export const notApplicable = (message: string) => new PipelineError('COMMAND_NOT_APPLICABLE', message);

/** A crash between the two leaves a lock whose run was never stored. A younger one may still get its run. */
const LOCK_WITHOUT_RUN_MS = 30_000;

/** Throws RUN_ACTIVE if another run holds the lock. */
export async function takeLock(o: OrchestratorContext, key: string, model: string, runId: string): Promise<void> {
  const now = o.now();
  const held = await o.locks.load(key);
  if (held?.value.runId === runId) return;
  if (held) {
    const run = await o.runs.load(runKey(held.value.runId));
    const young = now.getTime() - Date.parse(held.value.takenAt) < LOCK_WITHOUT_RUN_MS;
    if (run ? run.value.status === 'active' : young) {
      const hint = `cancel it with \`nightshift cancel ${held.value.runId}\` or wait for its end`;
      throw new PipelineError('RUN_ACTIVE', `model ${model}: run ${held.value.runId} is under way; ${hint}`, {
        retryable: !run,
      });
    }
  }
  await o.locks.save(key, { runId, takenAt: now.toISOString() }, held?.revision ?? 0);
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
