/**
 * New runs that go on from ended ones: retried at the point where another failed, or forked from a stage of another with
 * changes. Called for operator commands.
 */
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { Stage } from '../../contracts/subjects.ts';
import { CARRIAGE, type CarriedPipeline } from '../../contracts/configuration/carried.ts';
import { describeCarried, refusedIn } from '../../contracts/configuration/refused.ts';
import { carriedOf } from '../../contracts/configuration/separate.ts';
import { PipelineConfigSchema } from '../../contracts/configuration/pipeline.ts';
import { STAGES, WORK_STAGES } from '../../contracts/subjects.ts';
import type { ForkOrigin, PipelineContext } from '../../machines/pipeline.machine.ts';
import { statePath, type Checkpoint } from '../../machines/step.ts';
import { beginFrom, loadRun, notApplicable, type Origin, type Sent } from './begin.ts';
import { runKey, type OrchestratorContext } from './context.ts';

/**
 * A new run that goes on where an ended one failed, with that one's configuration and results. The same run is retried
 * once: asking again finds the run that the first asking made. Throws RUN_UNKNOWN, RUN_ACTIVE, COMMAND_NOT_APPLICABLE.
 */
export async function retryRun(o: OrchestratorContext, oldId: string, sent: Sent) {
  const old = await loadRun(o, oldId);
  const { context } = old;
  const runId = retryIdOf(oldId);
  const existing = await o.runs.load(runKey(runId));
  if (!existing) mustHaveEnded(old);
  if (context.kind === 'rollback') throw notApplicable(`run ${oldId} is a rollback; ask for another instead`);
  if (statePath(old.value) === 'completed')
    throw notApplicable(`run ${oldId} has completed; start a new one or fork it`);
  const pipeline = configurationOf(context);
  return beginFrom(o, { model: context.model, runId, ...sent }, originOf(context, failedStage(context), pipeline));
}

/** Throws RUN_ACTIVE. */
export function mustHaveEnded({ context: { runId }, status, value }: Checkpoint): void {
  if (status === 'done') return;
  const state = statePath(value);
  const hint = `\`nightshift ${state === 'needsOperator' ? 'resume' : 'cancel'} ${runId}\` comes first`;
  throw new PipelineError('RUN_ACTIVE', `run ${runId} has not ended, it stands in ${state}; ${hint}`);
}

export interface Fork {
  readonly runId: string;
  readonly from: Stage;
  readonly changes: Readonly<Record<string, unknown>>;
  readonly newRunId: string;
}

/** A new run from a stage of another, which may have ended in any way, with a changed copy of its configuration. */
export async function forkRun(o: OrchestratorContext, fork: Fork, sent: Sent) {
  const { context } = await loadRun(o, fork.runId);
  if (context.kind === 'rollback') throw notApplicable(`run ${fork.runId} is a rollback; it has no stages`);
  const pipeline = changedPipeline(context, fork);
  const origin = originOf(context, fork.from, pipeline);
  return beginFrom(o, { model: context.model, runId: fork.newRunId, ...sent }, origin);
}

/** `run-7` is retried as `run-7-r1`, that one as `run-7-r2`. */
export function retryIdOf(runId: string): string {
  const [, base, number] = /^(.*?)(?:-r(\d+))?$/.exec(runId)!; // Matches any text.
  return `${base}-r${Number(number ?? 0) + 1}`;
}

/** The first stage without a result that may be kept. A candidate that only a person rejected can be deployed. */
function failedStage(context: PipelineContext): Stage {
  const { dataset, candidate } = context;
  if (mayServe(context)) return 'deploy';
  if (candidate) return 'verify';
  return dataset ? 'train' : 'collect';
}

const mayServe = ({ verification, blessing }: PipelineContext) =>
  verification !== null && (verification.admitted || blessing !== null);

/** The results of the stages before. Throws COMMAND_NOT_APPLICABLE if one of them is lacking. */
function originOf(context: PipelineContext, stage: Stage, pipeline: CarriedPipeline): Origin {
  const { runId, dataset, candidate, verification, blessing } = context;
  const rank = STAGES.indexOf(stage);
  const results = [dataset, candidate, mayServe(context)].slice(0, rank);
  const lacking = WORK_STAGES.find((_, index) => index < rank && !results[index]);
  if (lacking)
    throw notApplicable(`run ${runId} cannot be forked from ${stage}: its ${lacking} has no result to reuse`);
  const forkedFrom: ForkOrigin = {
    runId,
    stage,
    dataset: rank > 0 ? dataset : null,
    content: rank > 0 ? context.content : null,
    candidate: rank > 1 ? candidate : null,
    verification: rank > 2 ? verification : null,
  };
  return { pipeline, forkedFrom, blessing: rank > 2 ? blessing : null };
}

/** The configuration of a run, whose version of Nightshift may have known fewer settings. */
export function configurationOf({ runId, model, pipeline }: PipelineContext): CarriedPipeline {
  const parsed = PipelineConfigSchema.safeParse(pipeline);
  if (parsed.success) return carriedOf(model, parsed.data);
  throw notApplicable(`the configuration of run ${runId} does not fit this version: ${describeIssues(parsed.error)}`);
}

function changedPipeline({ model, pipeline }: PipelineContext, { runId, changes }: Fork): CarriedPipeline {
  refuseLocal(runId, changes);
  const parsed = PipelineConfigSchema.safeParse(merged(pipeline, changes));
  if (!parsed.success)
    throw new PipelineError('REQUEST_INVALID', `fork of run ${runId}: ${describeIssues(parsed.error)}`);
  const unknown = unknownKeys(changes, parsed.data);
  if (unknown.length === 0) return carriedOf(model, parsed.data);
  throw new PipelineError('REQUEST_INVALID', `fork of run ${runId}: there is no setting ${unknown.join(', ')}`);
}

/** Throws LOCAL_SETTING with all that a message may not carry, whatever the values. */
function refuseLocal(runId: string, changes: Fork['changes']): void {
  const refused = refusedIn(changes, CARRIAGE).filter(({ why }) => why === 'local');
  if (refused.length === 0) return;
  throw new PipelineError(
    'LOCAL_SETTING',
    `fork of run ${runId}: no message carries ${refused.map(({ path }) => path).join(', ')}; that stands in the ` +
      `configuration file of the machine that uses it. A fork may change ${describeCarried(refused)}`,
  );
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
