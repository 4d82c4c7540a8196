/**
 * The operators' API by subject: question, answer and description, over NATS request and reply. From this table come
 * the endpoints of the orchestrator (actors/orchestrator/api.ts), the parsing of the command line (cli/client.ts) and
 * docs/api.md (`npm run docs:api`).
 */
import { z } from 'zod';
import { KeptAuditEntrySchema } from './audit.ts';
import { COMMANDS, OutcomeSchema } from './commands.ts';
import { NounSchema } from './configuration/noun.ts';
import { CarriedPipelineSchema } from './configuration/carried-schemas.ts';
import { ConfigRevisionSchema, ShownConfigSchema } from './configuration/record.ts';
import { ScheduleRecordSchema } from './configuration/schedule.ts';
import { KeptLetterSchema } from './dead-letter.ts';
import { TokenSchema } from './references.ts';
import { FailureSchema } from './messages.ts';
import { KeptRefusalSchema } from './refusal.ts';
import { STATE_NAMES } from './run-words.ts';
import { DeploymentSchema, LedgerEntrySchema } from './release.ts';
import { ReplicaStatusSchema } from './replica.ts';
import { API, apiOfCommand, CTL, type ApiOfCommand, type CtlSubject } from './subjects.ts';

export const RunSummarySchema = z.object({
  runId: TokenSchema,
  model: TokenSchema,
  kind: z.enum(['night', 'rollback']),
  state: z.string().describe('path in docs/pipeline.md, such as `training.working.beating`'),
  status: z.enum(['active', 'done']),
  startedAt: z.string(),
  updatedAt: z.string(),
  failure: z.string().nullable().describe('why it did not, or will not, complete'),
});
export type RunSummary = z.infer<typeof RunSummarySchema>;

export const TimelineEntrySchema = z.object({
  transition: z.number().int().positive(),
  at: z.string(),
  cause: z.string().describe('the event that led there'),
  state: z.string(),
  attempt: z.number().int().describe('of the stage, from 1'),
  actor: z.string().describe('who caused it: an actor, `operator`, `schedule` or `timer`'),
  by: z.string().nullable().describe('the operator, or the role, whose command caused it; null for any other cause'),
  durationMs: z.number().nullable().describe('how long the run stayed in the state; null while it does'),
  failure: FailureSchema.nullable()
    .default(null)
    .describe('of a worker, if that is the cause: also of an attempt that is made again'),
});
export type TimelineEntry = z.infer<typeof TimelineEntrySchema>;

/** The rest belongs to the version of the machine that saved the run, and is passed on as it is. */
export const RunMemorySchema = z
  .looseObject({
    plan: z
      .array(z.looseObject({ undo: z.string(), status: z.string() }))
      .describe('what it may have to take back, in this order'),
    forkedFrom: z
      .looseObject({ runId: TokenSchema, stage: z.string() })
      .nullable()
      .describe('the run whose results it goes on from, and the stage at which it began'),
    lastVerdict: TokenSchema.nullable()
      .optional()
      .describe('the latest run of the model before it that was judged: of an `unchanged` one, that which it repeats'),
    blessing: z
      .looseObject({ by: z.string(), reason: z.string() })
      .nullable()
      .optional()
      .describe('the operator who answers for its candidate, if the verification did not bless it'),
  })
  .describe("the run's memory; more fields belong to the version of the machine");
export type RunMemory = z.infer<typeof RunMemorySchema>;

export const ModelStatusSchema = z.object({
  model: TokenSchema,
  noun: NounSchema.prefault({}),
  deployment: DeploymentSchema.nullable(),
  replicas: z.array(ReplicaStatusSchema).describe('those with a live heartbeat'),
  activeRun: RunSummarySchema.nullable(),
  outboxAgeMs: z
    .number()
    .default(0)
    .describe(
      'for so long effects of the latest transition of the active run have not all been carried out; 0: all are',
    ),
  alarms: z
    .array(z.string())
    .default([])
    .describe('what is refused because it is not signed, old, damaged or lost; what serves goes on serving'),
});
export type ModelStatus = z.infer<typeof ModelStatusSchema>;

/** One line of the ledger: who served, from when to when. */
export const ServedReleaseSchema = LedgerEntrySchema.extend({
  endedAt: z.string().nullable().describe('null while it serves'),
  retained: z.boolean().describe('whether a rollback can bring its pair back'),
});
export type ServedRelease = z.infer<typeof ServedReleaseSchema>;

export const ModelLedgerSchema = z.object({
  model: TokenSchema,
  releases: z.array(ServedReleaseSchema).describe('newest first'),
});
export type ModelLedger = z.infer<typeof ModelLedgerSchema>;

export const ScheduleStatusSchema = ScheduleRecordSchema.pick({
  model: true,
  config: true,
  paused: true,
  waiting: true,
})
  .extend({ upcoming: z.array(z.string()).describe('the next slots') })
  .extend(ScheduleRecordSchema.pick({ recent: true }).shape);
export type ScheduleStatus = z.infer<typeof ScheduleStatusSchema>;

export const ListedLetterSchema = KeptLetterSchema.omit({ body: true, headers: true });
export type ListedLetter = z.infer<typeof ListedLetterSchema>;

interface Endpoint {
  /** One sentence, for docs/api.md. */
  readonly description: string;
  readonly question: z.ZodType;
  readonly answer: z.ZodType;
}

const OfModelSchema = z.object({ model: TokenSchema.describe('all models if absent').optional() });
const NothingSchema = z.object({});

/** Endpoints that look and change nothing. */
export const QUESTIONS = {
  [API.runs]: {
    description: 'Runs, newest first, page by page.',
    question: OfModelSchema.extend({
      state: z
        .enum(STATE_NAMES as [string, ...string[]])
        .describe('the first word of its path, such as `failed`; all if absent')
        .optional(),
      status: z.enum(['active', 'done']).describe('both if absent').optional(),
      since: z.iso.datetime().describe('started then or later').optional(),
      before: TokenSchema.describe('older than this run: the last of the page before').optional(),
      limit: z.number().int().min(1).max(1000).default(200),
    }),
    answer: z.object({
      runs: z.array(RunSummarySchema),
      total: z.number().int().describe('of all that fit, whatever the page').default(0),
    }),
  },
  [API.run]: {
    description: 'One run with its time line, as it is or as it was after one of its transitions.',
    question: z.object({
      runId: TokenSchema,
      at: z.number().int().positive().describe('number of the transition; the latest if absent').optional(),
    }),
    answer: RunSummarySchema.extend({ timeline: z.array(TimelineEntrySchema), context: RunMemorySchema }),
  },
  [API.status]: {
    description: 'The release in service of each model, its replicas, and the run that is under way.',
    question: NothingSchema,
    answer: z.object({
      models: z.array(ModelStatusSchema),
      lacking: z
        .array(z.string())
        .describe(
          'what the orchestrator needs and has not, such as a stream that was deleted; a model may be absent then',
        )
        .default([]),
    }),
  },
  [API.models]: {
    description:
      'The models that are configured, with their pipelines as they apply; what is local stands there by its name.',
    question: NothingSchema,
    answer: z.object({ models: z.record(TokenSchema, CarriedPipelineSchema) }),
  },
  [API.schedules]: {
    description: 'The schedules, their next slots and what became of the latest.',
    question: NothingSchema,
    answer: z.object({ schedules: z.array(ScheduleStatusSchema) }),
  },
  [API.deadLetters]: {
    description: 'The newest dead letters, without their bodies.',
    question: z.object({ limit: z.number().int().min(1).max(1000).default(100) }),
    answer: z.object({
      total: z.number().int().describe('of all that are kept'),
      letters: z.array(ListedLetterSchema),
    }),
  },
  [API.deadLetter]: {
    description: 'One dead letter whole.',
    question: z.object({ seq: z.number().int().positive() }),
    answer: KeptLetterSchema,
  },
  [API.refusals]: {
    description: 'The newest operator commands that were refused.',
    question: z.object({ limit: z.number().int().min(1).max(1000).default(100) }),
    answer: z.object({
      total: z.number().int().describe('of all that are kept'),
      refusals: z.array(KeptRefusalSchema).describe('newest first'),
    }),
  },
  [API.audit]: {
    description: 'The audit log: commands that were obeyed, and changes of galleries, with who wanted them.',
    question: z.object({
      since: z.iso.datetime().describe('nothing older; all that is kept if absent').optional(),
      limit: z.number().int().min(1).max(1000).default(100),
    }),
    answer: z.object({
      total: z.number().int().describe('of all that are kept'),
      entries: z.array(KeptAuditEntrySchema).describe('newest first'),
    }),
  },
  [API.deployments]: {
    description: 'Which release of each model served when, and why.',
    question: OfModelSchema,
    answer: z.object({ models: z.array(ModelLedgerSchema) }),
  },
  [API.configList]: {
    description: 'The revision of the configuration that counts, of each model; also of those that were removed.',
    question: NothingSchema,
    answer: z.object({ models: z.array(ConfigRevisionSchema) }),
  },
  [API.configShow]: {
    description: 'One revision of the configuration of a model.',
    question: z.object({
      model: TokenSchema,
      revision: z.number().int().positive().describe('the one that counts if absent').optional(),
    }),
    answer: ShownConfigSchema,
  },
  [API.configHistory]: {
    description: 'The revisions of the configuration of a model that are kept.',
    question: z.object({ model: TokenSchema }),
    answer: z.object({ revisions: z.array(ConfigRevisionSchema).describe('newest first') }),
  },
} satisfies Record<(typeof API)[keyof typeof API], Endpoint>;

type CommandEndpoints = {
  readonly [S in CtlSubject as ApiOfCommand<S>]: {
    readonly description: string;
    readonly question: (typeof COMMANDS)[S]['data'];
    readonly answer: typeof OutcomeSchema;
  };
};

/** Each operator command by request and reply; its answer says what became of it. */
export const COMMAND_ENDPOINTS = Object.fromEntries(
  Object.values(CTL).map((subject) => {
    const { description, data } = COMMANDS[subject];
    return [apiOfCommand(subject), { description, question: data, answer: OutcomeSchema }];
  }),
  // The keys and values of the type above, which fromEntries loses.
) as unknown as CommandEndpoints;

export const ENDPOINTS = { ...QUESTIONS, ...COMMAND_ENDPOINTS };

export type QuestionSubject = keyof typeof QUESTIONS;
export type ApiSubject = keyof typeof ENDPOINTS;
/** As it is sent: what has a default may be left out. */
export type Question<S extends ApiSubject> = z.input<(typeof ENDPOINTS)[S]['question']>;
export type ParsedQuestion<S extends ApiSubject> = z.output<(typeof ENDPOINTS)[S]['question']>;
export type Answer<S extends ApiSubject> = z.output<(typeof ENDPOINTS)[S]['answer']>;
