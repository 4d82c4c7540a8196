/**
 * Answers the questions of contracts/api.ts: runs, time lines, models in service, ledgers, schedules, dead letters. Any
 * number of orchestrators answer alike, over NATS micro (infra/messaging/api.ts). Commands are in command-api.ts.
 */
import type { CarriedPipeline } from '../../contracts/configuration/carried.ts';
import { PEOPLE } from '../../contracts/configuration/noun.ts';
import {
  QUESTIONS,
  type Answer,
  type ApiSubject,
  type ModelLedger,
  type ModelStatus,
  type ParsedQuestion,
  type QuestionSubject,
  type RunMemory,
  type RunSummary,
  type ServedRelease,
  type TimelineEntry,
} from '../../contracts/api.ts';
import { PipelineError, toFailure, type Failure } from '../../contracts/errors.ts';
import { FailedSchema } from '../../contracts/messages.ts';
import { describeIssues } from '../../contracts/envelope.ts';
import { API, STREAMS, WORK_STAGES, workEventSubject, type WorkStage } from '../../contracts/subjects.ts';
import type { Deployment } from '../../contracts/release.ts';
import type { PipelineContext } from '../../machines/pipeline.machine.ts';
import { statePath, type Checkpoint } from '../../machines/step.ts';
import { SLOT_RUN } from '../../services/schedule/decide.ts';
import { canReturn } from '../../services/deployment/retained.ts';
import { listAudit } from './audit.ts';
import { commandEndpointsOf, namedEndpointsOf } from './command-api.ts';
import { configHistory, listConfigs, showConfig } from './config-commands.ts';
import { configuredModels, isFailure, latestOf, pipelineOf, type Latest } from './configuration.ts';
import { runKey, type OrchestratorContext } from './context.ts';
import { listDeadLetters, showDeadLetter } from './dead-letters.ts';
import { activeRun } from './begin.ts';
import { failureOf } from './failure-of.ts';
import { listRefusals } from './refusals.ts';
import { listSchedules } from './schedule.ts';
import { inTodaysWords, transitionsOf } from './transitions.ts';

type Handlers = {
  readonly [S in QuestionSubject]: (o: OrchestratorContext, question: ParsedQuestion<S>) => Promise<Answer<S>>;
};

const HANDLERS: Handlers = {
  [API.runs]: listRuns,
  [API.run]: showRun,
  [API.status]: showStatus,
  [API.models]: async (o) => ({ models: await listPipelines(o) }),
  [API.schedules]: async (o) => ({ schedules: await listSchedules(o) }),
  [API.deadLetters]: (o, { limit }) => listDeadLetters(o, limit),
  [API.deadLetter]: (o, { seq }) => showDeadLetter(o, seq),
  [API.refusals]: (o, { limit }) => listRefusals(o, limit),
  [API.audit]: (o, { since, limit }) => listAudit(o, since, limit),
  [API.deployments]: async (o, { model }) => ({ models: await listDeployments(o, model) }),
  [API.configList]: async (o) => ({ models: await listConfigs(o) }),
  [API.configShow]: showConfig,
  [API.configHistory]: async (o, { model }) => ({ revisions: await configHistory(o, model) }),
};

/** And the commands as named people send them, whose subjects end in a token of their own. */
export type Endpoints = { readonly [S in ApiSubject]: (body: unknown) => Promise<Answer<S>> } & NamedEndpoints;
type NamedEndpoints = ReturnType<typeof namedEndpointsOf>;

/** Endpoint subject -> handler of its JSON body (`{}` for an empty one), as infra/messaging/api.ts serves them. */
export function endpointsOf(o: OrchestratorContext): Endpoints {
  const subjects = Object.keys(QUESTIONS) as QuestionSubject[]; // Of a constant, these are all its keys.
  const questions = subjects.map((subject) => [subject, (body: unknown) => answer(o, subject, body)]);
  // Each answer is that of its own subject, which fromEntries loses.
  const answered = Object.fromEntries(questions) as Pick<Endpoints, QuestionSubject>;
  return { ...answered, ...commandEndpointsOf(o), ...namedEndpointsOf(o) };
}

async function answer<S extends QuestionSubject>(
  o: OrchestratorContext,
  subject: S,
  body: unknown,
): Promise<Answer<S>> {
  const parsed = QUESTIONS[subject].question.safeParse(body);
  if (!parsed.success) throw new PipelineError('REQUEST_INVALID', describeIssues(parsed.error));
  const handler: Handlers[S] = HANDLERS[subject];
  // The subject chooses schema and handler; TypeScript does not follow the correlation through the index.
  return handler(o, parsed.data as ParsedQuestion<S>);
}

/** Throws RUN_UNKNOWN if the run is not there that the page is to go on behind. */
async function listRuns(o: OrchestratorContext, { before, limit, ...wanted }: ParsedQuestion<typeof API.runs>) {
  const runs = (await o.runs.list(runKey('>'))).map(({ value }) => summary(inTodaysWords(value)));
  const fitting = runs
    .filter((run) => fits(run, wanted))
    .sort((a, b) => b.startedAt.localeCompare(a.startedAt) || (a.runId < b.runId ? -1 : 1));
  const last = before === undefined ? -1 : fitting.findIndex(({ runId }) => runId === before);
  if (before !== undefined && last === -1)
    throw new PipelineError('RUN_UNKNOWN', `no run ${before} is among those that fit; begin again without \`before\``);
  return { runs: pageOf(fitting.slice(last + 1, last + 1 + limit)), total: fitting.length };
}

/** Half of what a nats-server takes by default: a failure may have many words, and an answer is one message. */
const PAGE_CHARACTERS_MAX = 512 * 1024;

function pageOf(runs: readonly RunSummary[]): RunSummary[] {
  let characters = 0;
  const end = runs.findIndex((run) => (characters += JSON.stringify(run).length) > PAGE_CHARACTERS_MAX);
  return runs.slice(0, end === -1 ? runs.length : Math.max(end, 1));
}

type Wanted = Omit<ParsedQuestion<typeof API.runs>, 'before' | 'limit'>;

const fits = (run: RunSummary, { model, state, status, since }: Wanted): boolean =>
  (model === undefined || run.model === model) &&
  (state === undefined || run.state.split('.')[0] === state) &&
  (status === undefined || run.status === status) &&
  (since === undefined || Date.parse(run.startedAt) >= Date.parse(since));

/** With `at`, the state and memory as they were after that transition. */
async function showRun(o: OrchestratorContext, { runId, at }: ParsedQuestion<typeof API.run>) {
  const stored = await o.runs.load(runKey(runId));
  if (!stored) throw new PipelineError('RUN_UNKNOWN', `no run ${runId} is stored; \`nightshift runs\` lists them`);
  const history = (await o.runs.history(runKey(runId))).map(({ value }) => inTodaysWords(value));
  const timeline = await withFailures(o, runId, timelineOf(history));
  const shown = at === undefined ? inTodaysWords(stored.value) : history.find(({ transition }) => transition === at);
  if (!shown) {
    const kept = `${timeline[0]?.transition ?? '-'} to ${timeline.at(-1)?.transition ?? '-'}`;
    throw new PipelineError('REQUEST_INVALID', `run ${runId}: transition ${at} is not kept; those kept are ${kept}`);
  }
  return {
    ...summary(shown),
    timeline: timeline.filter(({ transition }) => transition <= shown.transition),
    context: memoryOf(shown.context),
  };
}

/** The memory of a run, as the contract has it. */
const memoryOf = ({ plan, forkedFrom, blessing, ...more }: PipelineContext): RunMemory => ({
  ...more,
  plan: plan.map((step) => ({ ...step })),
  forkedFrom: forkedFrom && { ...forkedFrom },
  blessing: blessing && { ...blessing },
});

function timelineOf(history: readonly Checkpoint[]): TimelineEntry[] {
  const first = transitionsOf(history);
  return first.map((c, index) => {
    const next = first[index + 1];
    return {
      transition: c.transition,
      at: c.updatedAt,
      cause: c.cause,
      state: statePath(c.value),
      attempt: c.context.attempt,
      actor: actorOf(c),
      by: c.by ?? null,
      durationMs: next ? Date.parse(next.updatedAt) - Date.parse(c.updatedAt) : null,
      failure: null,
    };
  });
}

/** Workers say once why an attempt failed, in the event itself: a run that tries again keeps no word of it. */
async function withFailures(
  o: OrchestratorContext,
  runId: string,
  timeline: TimelineEntry[],
): Promise<TimelineEntry[]> {
  const failures = new Map<string, Failure>();
  for (const stage of WORK_STAGES) {
    if (!timeline.some(({ cause }) => cause === `${stage}.failed`)) continue;
    for (const { data } of await o.bus.historyOn(
      STREAMS.events,
      workEventSubject(stage, 'failed', runId),
      FAILURES_MAX,
    )) {
      const told = FailedSchema.safeParse(data);
      if (told.success) failures.set(told.data.commandId, told.data.failure);
    }
  }
  return timeline.map((entry, index) => {
    const [stage, fact] = entry.cause.split('.');
    if (fact !== 'failed') return entry;
    // The attempt that the run was in when it heard of it.
    const attempt = timeline[index - 1]?.attempt ?? entry.attempt;
    return { ...entry, failure: failures.get(`${runId}.${stage}.${attempt}`) ?? null };
  });
}
/** A stage is tried a few times; a duplicate of an event is stored beside it at most. */
const FAILURES_MAX = 50;

const WORKERS: Readonly<Record<WorkStage, string>> = {
  collect: 'collector',
  train: 'trainer',
  verify: 'verifier',
};

/** An event's type begins with its sender; the replicas' reports reach the run as events of its deploy stage. */
function actorOf({ cause, context }: Checkpoint): string {
  const [family] = cause.split('.');
  if (family === 'xstate') return 'timer';
  if (family === 'deploy') return 'inference';
  if (family === 'worker') return 'orchestrator'; // It noticed that a worker is silent.
  if (cause === 'started' && context.runId.startsWith(SLOT_RUN)) return 'schedule';
  return WORKERS[family as WorkStage] ?? 'operator';
}

const configured = async (o: OrchestratorContext) => (await latestOf(o)).filter(({ pipeline }) => pipeline !== null);

/** Those that can be read: the status tells of the others. */
async function listPipelines(o: OrchestratorContext): Promise<Record<string, CarriedPipeline>> {
  const pipelines = (await latestOf(o)).flatMap(({ model, pipeline }) =>
    pipeline === null || isFailure(pipeline) ? [] : [[model, pipeline] as const],
  );
  return Object.fromEntries(pipelines);
}

/** A model whose records lie in a bucket that was deleted has no status; what is lacking is told in its place. */
async function showStatus(o: OrchestratorContext) {
  const lacking = [...(o.lacking?.() ?? [])];
  const unlessLacking =
    <T>(instead: T) =>
    (error: unknown) => {
      if (lacking.length === 0) throw error;
      return instead;
    };
  const models = await configured(o).catch(unlessLacking<Latest[]>([]));
  const looks = models.map((latest) => statusOf(o, latest).catch(unlessLacking(null)));
  return { models: (await Promise.all(looks)).filter((status) => status !== null), lacking };
}

async function statusOf(o: OrchestratorContext, { model, pipeline }: Latest): Promise<ModelStatus> {
  const active = await activeRun(o, model);
  const { deployment, alarm } = await recordOf(o, model);
  const replicas = [...(await o.liveReplicas(model))];
  const told = replicas.flatMap((replica) => (replica.alarm ? [`replica ${replica.replicaId}: ${replica.alarm}`] : []));
  return {
    ...{ model, deployment, replicas },
    noun: pipeline === null || isFailure(pipeline) ? PEOPLE : pipeline.noun,
    activeRun: active && summary(inTodaysWords(active)),
    outboxAgeMs: active && active.outbox.length > 0 ? Math.max(0, o.now().getTime() - Date.parse(active.updatedAt)) : 0,
    alarms: [...configAlarmOf(pipeline), ...(alarm ? [alarm] : []), ...told],
  };
}

const configAlarmOf = (pipeline: Latest['pipeline']): string[] =>
  isFailure(pipeline) ? [`no run can start: ${pipeline.code}: ${pipeline.message}`] : [];

/** People ask for the status most of all when a record is lost. */
async function recordOf(o: OrchestratorContext, model: string) {
  try {
    return { deployment: (await o.deployments.load(model))?.value ?? null, alarm: null };
  } catch (error) {
    const { code, message } = toFailure(error);
    if (code !== 'RECORD_LOST' && code !== 'RECORD_DAMAGED') throw error;
    return { deployment: null, alarm: `${code}: ${message}` };
  }
}

/** The ledger lies in the deployment record itself, so it says what the replicas were told and nothing else. */
async function listDeployments(o: OrchestratorContext, model: string | undefined): Promise<ModelLedger[]> {
  if (model !== undefined) await pipelineOf(o, model);
  const models = model === undefined ? await configuredModels(o) : [model];
  return Promise.all(
    models.map(async (name) => ({ model: name, releases: releasesOf((await o.deployments.load(name))?.value) })),
  );
}

function releasesOf(record: Deployment | undefined): ServedRelease[] {
  if (!record) return [];
  const served = record.ledger.map((entry, index) => ({
    ...entry,
    endedAt: record.ledger[index + 1]?.startedAt ?? null,
    retained: canReturn(record, entry),
  }));
  return served.reverse();
}

const summary = (c: Checkpoint): RunSummary => ({
  runId: c.context.runId,
  model: c.context.model,
  kind: c.context.kind,
  state: statePath(c.value),
  status: c.status,
  startedAt: c.startedAt,
  updatedAt: c.updatedAt,
  failure: failureOf(c.context)?.message ?? reasonOfRejection(c),
});

const reasonOfRejection = ({ value, context: { verification } }: Checkpoint) =>
  verification && statePath(value) === 'rejected' ? verification.reasons.join(' ') : null;
