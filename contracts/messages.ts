/**
 * The data of every command to a worker and of every event, as schemas. The envelope around them is in envelope.ts, the
 * subjects in subjects.ts, the operators' commands in commands.ts. Messages stay small: datasets, models and reports
 * travel as BlobRefs.
 */
import { z } from 'zod';
import { DataFindingSchema } from './dataset.ts';
import { ERRORS, type ErrorCode } from './errors.ts';
import type { Rule } from './configuration/carriage-rule.ts';
import { CARRIAGE } from './configuration/carried.ts';
import { refusedIn, type Refused } from './configuration/refused.ts';
import {
  CarriedTrainingSchema,
  CarriedVerificationSchema,
  COLLECTED,
  CollectedPipelineSchema,
} from './configuration/carried-schemas.ts';
import { PipelineConfigSchema } from './configuration/pipeline.ts';
import { NounSchema } from './configuration/noun.ts';
import type { WorkStage } from './subjects.ts';
import { BlobRefSchema, TokenSchema } from './references.ts';
import { ModelPairSchema, OriginSchema } from './release.ts';
import { ProgressSchema } from './progress.ts';
import { TrainingCourseSchema } from './training.ts';
import { PastFiguresSchema, VerdictSchema, VerificationFiguresSchema } from './verification.ts';

export const FailureSchema = z.object({
  // The keys of the table are its codes; Object.keys loses that in the type.
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  retryable: z.boolean(),
});

const RunSchema = z.object({ runId: TokenSchema, model: TokenSchema });

/** Data of `nightshift.cmd.<stage>.start.<runId>`. */
export const StartSchemas = {
  collect: RunSchema.extend({
    pipeline: CollectedPipelineSchema,
    /** Its snapshot says who and what was learned before. */
    champion: ModelPairSchema.nullable().default(null),
  }),
  train: RunSchema.extend({
    dataset: BlobRefSchema,
    training: CarriedTrainingSchema,
    champion: ModelPairSchema.nullable(),
  }),
  verify: RunSchema.extend({
    dataset: BlobRefSchema,
    candidate: BlobRefSchema,
    champion: ModelPairSchema.nullable(),
    noun: PipelineConfigSchema.shape.noun,
    verification: CarriedVerificationSchema,
    decision: PipelineConfigSchema.shape.decision,
    /** Figures of the releases before, newest first. */
    history: z.array(PastFiguresSchema).default([]),
    /** Serve the candidate fitted again to all images, if the trainer made one and it passes. */
    refit: z.boolean().default(false),
  }),
} satisfies Record<WorkStage, z.ZodType>;
export type StartCommand<N extends WorkStage> = z.infer<(typeof StartSchemas)[N]>;

/** The settings in a start command, by the field that has them. */
const SETTINGS_OF: Readonly<Record<WorkStage, Readonly<Record<string, Rule>>>> = {
  collect: { pipeline: COLLECTED },
  train: { training: CARRIAGE.training },
  verify: { noun: CARRIAGE.noun, verification: CARRIAGE.verification, decision: CARRIAGE.decision },
};

/** All that a start command may not carry: settings of local files, settings that do not exist, and fields of no schema. */
export function refusedInStart(stage: WorkStage, data: unknown): readonly Refused[] {
  if (typeof data !== 'object' || data === null) return []; // The schema has its say.
  const fields = Object.keys(StartSchemas[stage].shape).map((name) => [name, 'carried' as const]);
  return refusedIn(data, { ...Object.fromEntries(fields), ...SETTINGS_OF[stage] });
}

/** Data of `nightshift.cmd.<stage>.cancel.<runId>` and `.report.<runId>`; `startId` is the start command meant. */
export const AskCommandSchema = RunSchema.extend({ startId: z.string() });

/** A verdict of before 0.3.0 was `passed` or `rejected`, and its figures cannot be read as those of today. */
function inTodaysVerdicts(verification: unknown): unknown {
  const isObject = typeof verification === 'object' && verification !== null;
  if (!isObject || !('verdict' in verification) || 'admitted' in verification) return verification;
  const { verdict } = verification;
  if (verdict !== 'passed' && verdict !== 'rejected') return verification;
  const admitted = verdict === 'passed';
  return { ...verification, verdict: admitted ? 'blessed' : 'rejected', admitted, figures: null };
}

/** Data of `nightshift.evt.<stage>.completed.<runId>`, less what every worker event carries. */
export const CompletedSchemas = {
  collect: z.object({
    dataset: BlobRefSchema,
    /** Of the samples with their splits: the same data gives the same. Absent from workers before 0.3.0. */
    content: z.string().optional(),
    samples: z.number(),
    people: z.number(),
    /** The words of the configuration for `people`, for whoever shows the figures. */
    noun: NounSchema.optional(),
    quarantined: z.number(),
    /** About the data beside that of the model in service; absent if nothing was found. */
    findings: z.array(DataFindingSchema).optional(),
    durationMs: z.number(),
  }),
  train: z.object({
    model: BlobRefSchema,
    /** The trainer's signed word on its origin; absent if nobody signs. */
    provenance: BlobRefSchema.optional(),
    epochs: z.number(),
    loss: z.number(),
    imagesPerSecond: z.number(),
    /** Share of validation images whose nearest class is right; null if the snapshot has no validation split. */
    validationRank1: z.number().nullable(),
    /** Absent if the strategy cannot tell, as with an outside program. */
    course: TrainingCourseSchema.optional(),
    /** `points`: LearningCurveSchema as JSON. `picture`: an SVG. Absent if the strategy tells nothing of its passes. */
    learningCurve: z.object({ points: BlobRefSchema, picture: BlobRefSchema }).optional(),
    durationMs: z.number(),
  }),
  verify: z.preprocess(
    inTodaysVerdicts,
    z.object({
      verdict: VerdictSchema,
      /** The candidate may serve: blessed, or inconclusive where the configuration allows that. */
      admitted: z.boolean(),
      /** One sentence for each gate that did not hold, or that the data could not decide; empty when blessed. */
      reasons: z.array(z.string()),
      report: BlobRefSchema,
      gallery: BlobRefSchema,
      golden: BlobRefSchema,
      /** The candidate fitted again to all images, which serves in its place; gallery and golden are of it. */
      refit: BlobRefSchema.optional(),
      /** As of the dataset; absent if its pictures were taken whole. */
      faces: BlobRefSchema.optional(),
      /** The verifier's signed word on the pair; absent if nobody signs. */
      statement: BlobRefSchema.optional(),
      /** Null if a program before 0.3.0 measured them: those had another meaning. */
      figures: VerificationFiguresSchema.nullable(),
      durationMs: z.number(),
    }),
  ),
} satisfies Record<WorkStage, z.ZodType>;
export type Completed<N extends WorkStage> = z.infer<(typeof CompletedSchemas)[N]>;

/** Every worker event names the command that it answers. */
export const WorkEventSchema = z.object({ runId: TokenSchema, commandId: z.string() });
export const FailedSchema = WorkEventSchema.extend({
  failure: FailureSchema,
  /** Of the worker's log about this run, in words; bounded, without fields of text and stacks. Absent from workers before 0.6.0. */
  lastLines: z.array(z.string()).optional(),
});
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
