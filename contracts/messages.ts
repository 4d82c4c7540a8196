/**
 * The data of every command and event, as schemas. The envelope around them is in envelope.ts, the subjects in
 * subjects.ts. Messages stay small: datasets, models and reports travel as BlobRefs.
 */
import { z } from 'zod';
import { ERRORS, type ErrorCode } from './errors.ts';
import { PipelineConfigSchema } from './configuration/pipeline.ts';
import { CTL, STAGES, type CtlSubject, type WorkStage } from './subjects.ts';
import { BlobRefSchema, TokenSchema } from './references.ts';
import { ModelPairSchema, OriginSchema } from './release.ts';
import { ProgressSchema } from './progress.ts';
import { TrainingCourseSchema } from './training.ts';
import { VerificationReportSchema } from './verification.ts';

export const FailureSchema = z.object({
  // The keys of the table are its codes; Object.keys loses that in the type.
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  retryable: z.boolean(),
});

/** `seq`: the letter's place in the stream DLQ, as `nightshift dlq list` shows it. */
const DeadLetterSchema = z.object({ seq: z.number().int().positive() });
/** Where a run can be forked: at the start of a worker's stage, or of the deployment. */
export const StageSchema = z.enum(STAGES);

const AboutRunSchema = z.object({ runId: TokenSchema, reason: z.string().max(500).optional() });

/** Operator commands. A bare JSON object published by hand is accepted in place of an envelope. */
export const CtlSchemas = {
  [CTL.pipelineStart]: z.object({
    model: TokenSchema,
    /** Chosen by the sender for idempotency; derived from the message otherwise. */
    runId: TokenSchema.optional(),
    reason: z.string().max(500).optional(),
  }),
  /** `force` ends the run without waiting for its worker's answer. */
  [CTL.pipelineCancel]: AboutRunSchema.extend({ force: z.boolean().optional() }),
  [CTL.pipelinePause]: AboutRunSchema,
  [CTL.pipelineResume]: AboutRunSchema,
  [CTL.pipelineApprove]: AboutRunSchema,
  [CTL.pipelineReject]: AboutRunSchema,
  [CTL.pipelineRetry]: AboutRunSchema,
  [CTL.pipelineFork]: AboutRunSchema.extend({
    from: StageSchema,
    /** What differs from the old run's configuration; objects are merged, everything else is replaced. */
    changes: z.record(z.string(), z.unknown()).default({}),
    /** The new run's id, chosen by the sender for idempotency; derived from the message otherwise. */
    newRunId: TokenSchema.optional(),
  }),
  [CTL.dlqRedrive]: DeadLetterSchema,
  [CTL.dlqDrop]: DeadLetterSchema,
  [CTL.schedulePause]: z.object({ model: TokenSchema, reason: z.string().max(500).optional() }),
  [CTL.scheduleResume]: z.object({ model: TokenSchema }),
  [CTL.modelRollback]: z.object({
    model: TokenSchema,
    /** Any release of the ledger whose pair is retained; the previous one where it is left out. */
    release: z.number().int().positive().optional(),
    /** Chosen by the sender, who follows it; derived from the message otherwise. */
    runId: TokenSchema.optional(),
    reason: z.string().max(500).optional(),
  }),
} satisfies Record<CtlSubject, z.ZodType>;

/** What became of an operator command: data of `nightshift.evt.operator.accepted.<id>` and `.refused.<id>`. */
export const OutcomeSchema = z.object({
  /** Message id of the command. */
  commandId: z.string(),
  subject: z.string(),
  accepted: z.boolean(),
  /** The run that the command moved or made; null where it was refused. */
  runId: TokenSchema.nullable(),
  state: z.string().nullable(),
  /** False where the run stood already where the command wants it. */
  changed: z.boolean(),
  /** Why the command was refused. */
  failure: FailureSchema.nullable(),
});
export type Outcome = z.infer<typeof OutcomeSchema>;

const RunSchema = z.object({ runId: TokenSchema, model: TokenSchema });

/** Data of `nightshift.cmd.<stage>.start.<runId>`. */
export const StartSchemas = {
  collect: RunSchema.extend({ pipeline: PipelineConfigSchema.pick({ sources: true, image: true, split: true }) }),
  train: RunSchema.extend({
    dataset: BlobRefSchema,
    training: PipelineConfigSchema.shape.training,
    champion: ModelPairSchema.nullable(),
  }),
  verify: RunSchema.extend({
    dataset: BlobRefSchema,
    candidate: BlobRefSchema,
    champion: ModelPairSchema.nullable(),
    verification: PipelineConfigSchema.shape.verification,
  }),
} satisfies Record<WorkStage, z.ZodType>;
export type StartCommand<N extends WorkStage> = z.infer<(typeof StartSchemas)[N]>;

/** Data of `nightshift.cmd.<stage>.cancel.<runId>` and `.report.<runId>`; `startId` is the start command meant. */
export const AskCommandSchema = RunSchema.extend({ startId: z.string() });

/** Data of `nightshift.evt.<stage>.completed.<runId>`, less what every worker event carries. */
export const CompletedSchemas = {
  collect: z.object({
    dataset: BlobRefSchema,
    samples: z.number(),
    people: z.number(),
    quarantined: z.number(),
    durationMs: z.number(),
  }),
  train: z.object({
    model: BlobRefSchema,
    epochs: z.number(),
    loss: z.number(),
    imagesPerSecond: z.number(),
    /** Share of validation images whose nearest class is right; null where the snapshot has no validation split. */
    validationRank1: z.number().nullable(),
    /** Absent where the strategy cannot tell, as with an outside program. */
    course: TrainingCourseSchema.optional(),
    /** `points`: LearningCurveSchema as JSON. `picture`: an SVG. Absent where the strategy tells nothing of its passes. */
    learningCurve: z.object({ points: BlobRefSchema, picture: BlobRefSchema }).optional(),
    durationMs: z.number(),
  }),
  verify: z.object({
    verdict: z.enum(['passed', 'rejected']),
    /** One sentence per gate that did not hold; empty when passed. */
    reasons: z.array(z.string()),
    report: BlobRefSchema,
    gallery: BlobRefSchema,
    golden: BlobRefSchema,
    figures: VerificationReportSchema.pick({ candidate: true, champion: true }),
    durationMs: z.number(),
  }),
} satisfies Record<WorkStage, z.ZodType>;
export type Completed<N extends WorkStage> = z.infer<(typeof CompletedSchemas)[N]>;

/** Every worker event names the command that it answers. */
export const WorkEventSchema = z.object({ runId: TokenSchema, commandId: z.string() });
export const FailedSchema = WorkEventSchema.extend({ failure: FailureSchema });
export const ProgressedSchema = WorkEventSchema.extend({ progress: ProgressSchema });

export const ReplicaEventSchema = RunSchema.extend({ replicaId: TokenSchema });
export const ReplicaPreparedSchema = ReplicaEventSchema.extend({ prepareMs: z.number() });
export const ReplicaRefusedSchema = ReplicaEventSchema.extend({ failure: FailureSchema });
/** Said when no request of an earlier release is under way any more; the moments are those of the switch itself. */
export const ReplicaSwitchedSchema = ReplicaEventSchema.extend({
  release: z.number().int(),
  swapUs: z.number(),
  /** Milliseconds since 1970 with their fraction: comparable as far as the machines' clocks agree. */
  switchedAtMs: z.number(),
  /** Microseconds of the machine's monotonic clock: comparable between the processes of one machine. */
  monotonicUs: z.number(),
});
export type ReplicaSwitched = z.infer<typeof ReplicaSwitchedSchema>;
/** It cannot serve the committed release, and takes no requests until it can. */
export const ReplicaOutOfServiceSchema = ReplicaEventSchema.extend({
  release: z.number().int(),
  failure: FailureSchema,
});

export const PipelineEventSchema = RunSchema.extend({
  state: z.string(),
  failure: FailureSchema.nullable(),
});

/** Data of `nightshift.evt.model.deployed.<model>` and `nightshift.evt.model.rolled-back.<model>`. */
export const ModelDeployedSchema = RunSchema.extend({
  release: z.number().int(),
  modelDigest: z.string(),
  galleryDigest: z.string(),
  previousRelease: z.number().int().nullable(),
  replicas: z.number().int(),
  /** Longest swap of any live replica, microseconds. */
  swapUsMax: z.number(),
  /** The release in which its pair served first, and the run that made the pair. */
  origin: OriginSchema,
});
export type ModelDeployed = z.infer<typeof ModelDeployedSchema>;
