/**
 * The routes of `/api/v1` as a table: each thinly over a question of the orchestrator (contracts/api.ts), or over an
 * operator command. api.ts serves it, openapi.ts describes it.
 */
import { z } from 'zod';
import { ENDPOINTS, ModelStatusSchema, RunSummarySchema, type ApiSubject } from '../../contracts/api.ts';
import { DataSheetSchema } from '../../contracts/data-sheet.ts';
import { TokenSchema } from '../../contracts/references.ts';
import { ReplicaStatusSchema } from '../../contracts/replica.ts';
import { CLIENT_ROLES } from '../../contracts/roles.ts';
import { API, apiOfCommand, CTL, type CtlSubject } from '../../contracts/subjects.ts';
import { LearningCurveSchema } from '../../contracts/training.ts';
import { VerificationReportSchema } from '../../contracts/verification.ts';
import { ACTS } from './callers.ts';

const limit = z.coerce.number().int().min(1).max(1_000).default(100);
/** A number in a path or a query is text at first. */
const number = z.coerce.number().int().positive();
const OfModel = z.object({ model: TokenSchema.optional() });

/** As the orchestrator's own question, with texts for numbers; a page of HTTP is shorter. */
const { before, limit: _limit, ...wanted } = ENDPOINTS[API.runs].question.shape;
export const RunsQuerySchema = z.object({
  ...wanted,
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: before.describe('`next` of the page before'),
});
export const RunsPageSchema = z.object({
  runs: z.array(RunSummarySchema).describe('newest first'),
  next: z.string().nullable().describe('cursor of the next page; null after the last'),
  total: z.number().int().describe('of all that fit, whatever the page'),
});

interface Route {
  readonly path: string;
  readonly summary: string;
  /** The question; null: api.ts makes the answer of others. */
  readonly subject: ApiSubject | null;
  /** Parameters of the path and of the query together: the data of the question. */
  readonly input: z.ZodObject;
  readonly answer: z.ZodType;
}

const asked = (path: string, subject: ApiSubject, summary: string, input: z.ZodObject = z.object({})): Route => ({
  ...{ path, subject, summary, input },
  answer: ENDPOINTS[subject].answer,
});

export const READS: readonly Route[] = [
  asked('/status', API.status, 'The release in service of each model, its replicas, and the run under way.'),
  asked('/models', API.models, 'The models that are configured, with their pipelines.'),
  asked(
    '/runs/:runId',
    API.run,
    'One run with its time line.',
    z.object({ runId: TokenSchema, at: number.optional() }),
  ),
  asked('/releases', API.deployments, 'Which release of each model served when, by whom and why.', OfModel),
  asked('/schedules', API.schedules, 'The schedules, their next slots, and what became of the latest.'),
  asked('/dead-letters', API.deadLetters, 'The newest dead letters.', z.object({ limit })),
  asked('/dead-letters/:seq', API.deadLetter, 'One dead letter whole.', z.object({ seq: number })),
  asked('/refusals', API.refusals, 'The newest operator commands that were refused.', z.object({ limit })),
  asked(
    '/audit',
    API.audit,
    'Who commanded and enrolled what.',
    z.object({ since: z.iso.datetime().optional(), limit }),
  ),
  asked('/configurations', API.configList, 'The revision of the configuration that counts, of each model.'),
  asked(
    '/configurations/:model',
    API.configShow,
    'One revision of the configuration of a model.',
    z.object({ model: TokenSchema, revision: number.optional() }),
  ),
  asked(
    '/configurations/:model/revisions',
    API.configHistory,
    'The revisions that are kept.',
    z.object({ model: TokenSchema }),
  ),
];

/** Made of other answers. */
export const RUNS: Route = {
  ...{ path: '/runs', subject: null, summary: 'The latest runs, newest first, by page.' },
  ...{ input: RunsQuerySchema, answer: RunsPageSchema },
};
export const REPLICAS: Route = {
  ...{ path: '/replicas', subject: null, summary: 'The replicas with a live heartbeat.', input: OfModel },
  answer: z.object({ replicas: z.array(ReplicaStatusSchema) }),
};
export const HELD: Route = {
  ...{
    path: '/held',
    subject: null,
    summary: 'Runs that wait for somebody: for approval, paused, or in need of help.',
  },
  ...{ input: z.object({}), answer: z.object({ runs: z.array(ModelStatusSchema.shape.activeRun.unwrap()) }) },
};

export const ME: Route = {
  ...{ path: '/me', subject: null, summary: 'Who the caller is, and what that role may do here.', input: z.object({}) },
  answer: z.object({
    name: z.string().describe('of the login; `anonymous` without one'),
    role: z.enum(CLIENT_ROLES),
    who: z.string().nullable().describe('the person, if the login is that of one'),
    may: z.array(z.enum(ACTS)),
  }),
};
export const EVIDENCE: Route = {
  ...{ path: '/runs/:runId/evidence', subject: null, input: z.object({ runId: TokenSchema }) },
  summary:
    'For operators: the report of the verification, the data sheet and the learning curve; null where one is not there.',
  answer: z.object({
    report: VerificationReportSchema.nullable(),
    sheet: DataSheetSchema.nullable(),
    curve: LearningCurveSchema.nullable(),
  }),
};

/** Path of the command behind `/commands/`: `pipeline/start`. */
export const commandPath = (command: CtlSubject) => command.split('.').slice(2).join('/');
export const COMMAND_ROUTES = Object.values(CTL).map((command) => {
  const subject = apiOfCommand(command);
  const { description, question, answer } = ENDPOINTS[subject];
  return { path: `/commands/${commandPath(command)}`, subject, summary: description, input: question, answer };
});
