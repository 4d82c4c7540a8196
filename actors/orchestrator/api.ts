/**
 * Answers questions under `nightshift.api.>` (NATS micro): which runs there are, one run with its time line, what is
 * in service, who served when; any number of orchestrators answer alike. Commands are in command-api.ts.
 */
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import { describeIssues } from '../../contracts/envelope.ts';
import { API } from '../../contracts/subjects.ts';
import { TokenSchema, type Deployment, type LedgerEntry, type ReplicaStatus } from '../../contracts/values.ts';
import { statePath, type Checkpoint } from '../../machines/step.ts';
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
}
export interface ModelStatus {
  readonly model: string;
  readonly deployment: Deployment | null;
  readonly replicas: readonly ReplicaStatus[];
  readonly activeRun: RunSummary | null;
}

/** One line of the ledger: who served, from when to when. */
export interface ServedEpoch extends LedgerEntry {
  /** Null while it serves. */
  readonly endedAt: string | null;
  /** Whether `nightshift rollback --to` can bring its pair back. */
  readonly retained: boolean;
}
export interface ModelLedger {
  readonly model: string;
  /** Newest first. */
  readonly epochs: readonly ServedEpoch[];
}

const RunQuestionSchema = z.object({ runId: TokenSchema });
const ModelQuestionSchema = z.object({ model: TokenSchema.optional() });

/** Endpoint subject -> handler of its parsed JSON body (`{}` for an empty one). */
export const endpointsOf = (o: OrchestratorContext): Record<string, (body: unknown) => Promise<unknown>> => ({
  [API.runs]: async (body) => ({ runs: await listRuns(o, ask(ModelQuestionSchema, body).model) }),
  [API.run]: (body) => showRun(o, ask(RunQuestionSchema, body).runId),
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

async function showRun(o: OrchestratorContext, runId: string) {
  const stored = await o.runs.load(runKey(runId));
  if (!stored) throw new PipelineError('RUN_UNKNOWN', `no run ${runId} is stored; \`nightshift runs\` lists them`);
  const history = await o.runs.history(runKey(runId));
  return {
    ...summary(stored.value),
    timeline: timelineOf(history.map(({ value }) => value)),
    context: stored.value.context,
  };
}

/** A transition is saved twice, with its outbox and without: the first counts. */
function timelineOf(checkpoints: readonly Checkpoint[]): TimelineEntry[] {
  const byNumber = new Map<number, TimelineEntry>();
  for (const c of checkpoints) {
    if (byNumber.has(c.transition)) continue;
    const { transition, updatedAt: at, cause } = c;
    byNumber.set(transition, { transition, at, cause, state: statePath(c.value), attempt: c.context.attempt });
  }
  return [...byNumber.values()];
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
    models.map(async (name) => ({ model: name, epochs: epochsOf((await o.deployments.load(name))?.value) })),
  );
}

function epochsOf(record: Deployment | undefined): ServedEpoch[] {
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
