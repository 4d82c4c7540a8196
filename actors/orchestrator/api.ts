/**
 * Answers questions under `nightshift.api.>` (NATS micro): which runs there are, one run with its time line, what is
 * in service, who served when; any number of orchestrators answer alike. Commands are in command-api.ts.
 */
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import { describeIssues } from '../../contracts/envelope.ts';
import { API, type WorkStage } from '../../contracts/subjects.ts';
import { TokenSchema } from '../../contracts/references.ts';
import type { Deployment, LedgerEntry } from '../../contracts/release.ts';
import type { ReplicaStatus } from '../../contracts/replica.ts';
import { statePath, type Checkpoint } from '../../machines/step.ts';
import { SLOT_RUN } from '../../services/schedule/decide.ts';
import { canReturn } from '../../services/deployment/retained.ts';
import { commandEndpointsOf } from './command-api.ts';
import { runKey, type OrchestratorContext } from './context.ts';
import { listDeadLetters, ListQuestionSchema, showDeadLetter, ShowQuestionSchema } from './dead-letters.ts';
import { activeRun } from './begin.ts';
import { failureOf } from './effects.ts';
import { listSchedules } from './schedule.ts';

/** A listing that is read by people: the newest this many. */
const RUNS_LISTED_MAX = 200;

export interface RunSummary {
  readonly runId: string;
  readonly model: string;
  readonly kind: 'night' | 'rollback';
  readonly state: string;
  readonly status: 'active' | 'done';
  readonly startedAt: string;
  readonly updatedAt: string;
  readonly failure: string | null;
}
export interface TimelineEntry {
  readonly transition: number;
  readonly at: string;
  readonly cause: string;
  readonly state: string;
  readonly attempt: number;
  /** Who caused it: an actor, `operator`, `schedule` or `timer`. */
  readonly actor: string;
  /** How long the run stayed in the state; null while it does. */
  readonly durationMs: number | null;
}
export interface ModelStatus {
  readonly model: string;
  readonly deployment: Deployment | null;
  readonly replicas: readonly ReplicaStatus[];
  readonly activeRun: RunSummary | null;
}

/** One line of the ledger: who served, from when to when. */
export interface ServedRelease extends LedgerEntry {
  /** Null while it serves. */
  readonly endedAt: string | null;
  /** Whether `nightshift rollback --to` can bring its pair back. */
  readonly retained: boolean;
}
export interface ModelLedger {
  readonly model: string;
  /** Newest first. */
  readonly releases: readonly ServedRelease[];
}

const RunQuestionSchema = z.object({ runId: TokenSchema, at: z.number().int().positive().optional() });
const ModelQuestionSchema = z.object({ model: TokenSchema.optional() });

/** Endpoint subject -> handler of its parsed JSON body (`{}` for an empty one). */
export const endpointsOf = (o: OrchestratorContext): Record<string, (body: unknown) => Promise<unknown>> => ({
  [API.runs]: async (body) => ({ runs: await listRuns(o, ask(ModelQuestionSchema, body).model) }),
  [API.run]: (body) => showRun(o, ask(RunQuestionSchema, body)),
  [API.status]: async () => ({
    models: await Promise.all(Object.keys(o.pipelines).map((model) => statusOf(o, model))),
  }),
  [API.deadLetters]: (body) => listDeadLetters(o, ask(ListQuestionSchema, body).limit),
  [API.deadLetter]: (body) => showDeadLetter(o, ask(ShowQuestionSchema, body).seq),
  [API.schedules]: () => listSchedules(o),
  [API.deployments]: async (body) => ({ models: await listDeployments(o, ask(ModelQuestionSchema, body).model) }),
  [API.models]: async () => ({ models: o.pipelines }),
  ...commandEndpointsOf(o),
});

async function listRuns(o: OrchestratorContext, model: string | undefined): Promise<RunSummary[]> {
  const runs = (await o.runs.list(runKey('>'))).map(({ value }) => summary(value));
  return runs
    .filter((run) => model === undefined || run.model === model)
    .sort((a, b) => b.startedAt.localeCompare(a.startedAt))
    .slice(0, RUNS_LISTED_MAX);
}

/** With `at`, the state and memory as they were after that transition. */
async function showRun(o: OrchestratorContext, { runId, at }: z.infer<typeof RunQuestionSchema>) {
  const stored = await o.runs.load(runKey(runId));
  if (!stored) throw new PipelineError('RUN_UNKNOWN', `no run ${runId} is stored; \`nightshift runs\` lists them`);
  const history = (await o.runs.history(runKey(runId))).map(({ value }) => value);
  const timeline = timelineOf(history);
  const shown = at === undefined ? stored.value : history.find(({ transition }) => transition === at);
  if (!shown) {
    const kept = `${timeline[0]?.transition ?? '-'} to ${timeline.at(-1)?.transition ?? '-'}`;
    throw new PipelineError('REQUEST_INVALID', `run ${runId}: transition ${at} is not kept; those kept are ${kept}`);
  }
  return {
    ...summary(shown),
    timeline: timeline.filter(({ transition }) => transition <= shown.transition),
    context: shown.context,
  };
}

/** A transition is saved twice, with its outbox and without: the first counts. */
function timelineOf(history: readonly Checkpoint[]): TimelineEntry[] {
  const first = history.filter((c, index) => c.transition !== history[index - 1]?.transition);
  return first.map((c, index) => {
    const next = first[index + 1];
    return {
      transition: c.transition,
      at: c.updatedAt,
      cause: c.cause,
      state: statePath(c.value),
      attempt: c.context.attempt,
      actor: actorOf(c),
      durationMs: next ? Date.parse(next.updatedAt) - Date.parse(c.updatedAt) : null,
    };
  });
}

const WORKERS: Readonly<Record<WorkStage, string>> = {
  collect: 'collector',
  train: 'trainer',
  verify: 'verifier',
};

/** An event's type begins with who says it; what replicas report reaches the run as an event of its deploy stage. */
function actorOf({ cause, context }: Checkpoint): string {
  const [family] = cause.split('.');
  if (family === 'xstate') return 'timer';
  if (family === 'deploy') return 'inference';
  if (cause === 'started' && context.runId.startsWith(SLOT_RUN)) return 'schedule';
  return WORKERS[family as WorkStage] ?? 'operator';
}

async function statusOf(o: OrchestratorContext, model: string): Promise<ModelStatus> {
  const active = await activeRun(o, model);
  return {
    model,
    deployment: (await o.deployments.load(model))?.value ?? null,
    replicas: await o.liveReplicas(model),
    activeRun: active && summary(active),
  };
}

/** The ledger lies in the deployment record itself, so it cannot say anything else than what replicas were told. */
async function listDeployments(o: OrchestratorContext, model: string | undefined): Promise<ModelLedger[]> {
  if (model !== undefined && !o.pipelines[model]) {
    throw new PipelineError('MODEL_UNKNOWN', `no pipeline for a model "${model}" is configured`);
  }
  const models = model === undefined ? Object.keys(o.pipelines) : [model];
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

const reasonOfRejection = ({ context: { verification } }: Checkpoint) =>
  verification?.verdict === 'rejected' ? verification.reasons.join(' ') : null;

function ask<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new PipelineError('REQUEST_INVALID', describeIssues(parsed.error));
}
