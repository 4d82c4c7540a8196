/**
 * The operators' commands by subject: a description and the form of the data; and the answer to the sender. Their
 * handlers are the table in actors/orchestrator/commands.ts. A bare JSON object published by hand is accepted in place
 * of an envelope.
 */
import { z } from 'zod';
import { CarriedPipelineSchema } from './configuration/carried-schemas.ts';
import { ConfigDefinitionsSchema } from './configuration/record.ts';
import { ForgetDataSchema } from './forgetting.ts';
import { FailureSchema } from './messages.ts';
import { TokenSchema } from './references.ts';
import { SweepDataSchema } from './retention.ts';
import { EnvelopeOfStatementSchema } from './signing.ts';
import { CTL, STAGES, type CtlSubject } from './subjects.ts';

/** Names the subject on which a sender waits for an answer; the reply subject itself carries the stream's receipt. */
export const REPLY_TO_HEADER = 'Nightshift-Reply-To';

/** A run can be forked at the start of each stage. */
export const StageSchema = z.enum(STAGES);

const ReasonSchema = z.string().max(500).describe('in words, for people').optional();
const AboutRunSchema = z.object({ runId: TokenSchema, reason: ReasonSchema });
const DeadLetterSchema = z.object({
  seq: z.number().int().positive().describe('place in the stream DLQ, as `nightshift dlq list` shows it'),
});
/** Of a run that the command makes. The sender chooses it for idempotency, or in order to follow the run. */
const NewRunIdSchema = TokenSchema.describe('of the new run; derived from the message if absent').optional();

const ApprovalSchema = EnvelopeOfStatementSchema.describe(
  "the operator's signed word on the candidate; needed where the trusted keys demand operators",
).optional();

/** Two who change a configuration at once must not overwrite each other in silence. */
const ExpectedSchema = z
  .number()
  .int()
  .nonnegative()
  .describe(
    'the revision that counts now, as the sender saw it; 0: none. Refused with `CONFIG_STALE` if it is another',
  );
const AboutConfigSchema = z.object({ model: TokenSchema, expected: ExpectedSchema, reason: ReasonSchema });

interface OperatorCommand {
  /** One sentence, for docs/api.md. */
  readonly description: string;
  readonly data: z.ZodType;
}

export const COMMANDS = {
  [CTL.pipelineStart]: {
    description: 'Starts a run of a model through all stages.',
    data: z.object({
      model: TokenSchema,
      runId: NewRunIdSchema,
      force: z.boolean().describe('go on also if data, configuration and champion are unchanged').optional(),
      reason: ReasonSchema,
    }),
  },
  [CTL.pipelineCancel]: {
    description: 'Stops a run and takes back what it did.',
    data: AboutRunSchema.extend({
      force: z.boolean().describe("end the run without waiting for its worker's answer").optional(),
    }),
  },
  [CTL.pipelinePause]: {
    description: 'Lets the stage under way end and begins no other.',
    data: AboutRunSchema,
  },
  [CTL.pipelineResume]: {
    description: 'Lets a run go on that is paused or needs an operator.',
    data: AboutRunSchema,
  },
  [CTL.pipelineApprove]: {
    description: 'Puts the candidate of a run that waits for approval into service.',
    data: AboutRunSchema.extend({ approval: ApprovalSchema }),
  },
  [CTL.pipelineReject]: {
    description: 'Keeps the candidate of a run that waits for approval out of service.',
    data: AboutRunSchema,
  },
  [CTL.pipelineRetry]: {
    description: 'Begins a new run where an ended one failed, with its results and its configuration.',
    data: AboutRunSchema,
  },
  [CTL.pipelineFork]: {
    description: 'Begins a new run from a stage of another, with a changed configuration.',
    data: AboutRunSchema.extend({
      from: StageSchema,
      changes: z
        .record(z.string(), z.unknown())
        .default({})
        .describe("what differs from the old run's configuration: objects are merged, everything else is replaced"),
      newRunId: NewRunIdSchema,
    }),
  },
  [CTL.pipelineBless]: {
    description: 'Puts the candidate of an ended run into service that its verification did not bless.',
    data: z.object({
      runId: TokenSchema,
      by: z.string().trim().min(1).max(100).describe('name of the person who answers for it'),
      reason: z.string().trim().min(1).max(300).describe('in words; both are kept in the ledger'),
      approval: ApprovalSchema,
      newRunId: NewRunIdSchema,
    }),
  },
  [CTL.modelRollback]: {
    description: 'Puts an earlier release of a model back into service.',
    data: z.object({
      model: TokenSchema,
      release: z
        .number()
        .int()
        .positive()
        .describe('any release of the ledger whose pair is retained; the previous one if absent')
        .optional(),
      runId: NewRunIdSchema,
      reason: ReasonSchema,
    }),
  },
  [CTL.dlqRedrive]: {
    description: 'Publishes a dead letter again under its subject.',
    data: DeadLetterSchema,
  },
  [CTL.dlqDrop]: {
    description: 'Throws a dead letter away.',
    data: DeadLetterSchema,
  },
  [CTL.schedulePause]: {
    description: 'Skips the slots of a model until its schedule is resumed.',
    data: z.object({ model: TokenSchema, reason: ReasonSchema }),
  },
  [CTL.scheduleResume]: {
    description: 'Lets slots start runs again, from the next one on.',
    data: z.object({ model: TokenSchema }),
  },
  [CTL.personForget]: {
    description: 'Takes a person out of all that is stored, or looks for them, or lets them in again.',
    data: ForgetDataSchema,
  },
  [CTL.storeSweep]: {
    description: 'Deletes what nothing refers to any more, or looks what that would be and what holds the rest.',
    data: SweepDataSchema,
  },
  [CTL.configApply]: {
    description: 'Makes this the pipeline of a model, for later runs; its schedule changes at once.',
    data: AboutConfigSchema.extend({
      pipeline: CarriedPipelineSchema.describe('as `nightshift.api.models` shows it: what is local, by its name'),
      definitions: ConfigDefinitionsSchema.default({}),
    }),
  },
  [CTL.configRollback]: {
    description: "Makes an earlier revision of a model's configuration count again, as a new one.",
    data: AboutConfigSchema.extend({
      revision: z.number().int().positive().describe('one of those that `nightshift config history` lists'),
    }),
  },
  [CTL.configRemove]: {
    description: 'Removes a model from the configuration: no run starts any more, and its replicas end.',
    data: AboutConfigSchema,
  },
} satisfies Record<CtlSubject, OperatorCommand>;

export type CommandData<S extends CtlSubject> = z.infer<(typeof COMMANDS)[S]['data']>;

/** The end of a command: data of `nightshift.evt.operator.accepted.<id>` and `.refused.<id>`, and every answer. */
export const OutcomeSchema = z.object({
  commandId: z.string().describe('message id of the command'),
  subject: z.string(),
  accepted: z.boolean(),
  runId: TokenSchema.nullable().describe('the run that the command moved or made; null if it is about none'),
  state: z.string().nullable().describe('of that run'),
  changed: z.boolean().describe('false if the run stood already where the command wants it'),
  failure: FailureSchema.nullable().describe('why the command was refused'),
  revision: z.number().int().optional().describe('of a change of the configuration: the revision that counts now'),
  by: z.string().optional().describe('who sent it: a person or a role; absent before 0.4.0'),
});
export type Outcome = z.infer<typeof OutcomeSchema>;
