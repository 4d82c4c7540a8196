/**
 * Values that travel or are stored: references, dataset manifests, epochs, reports. Each is a schema and its type,
 * parsed once at the edge. Nothing here does anything.
 */
import { z } from 'zod';

/** One subject token: what may stand between two dots, and in a KV key. */
export const TokenSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, "-" and "_", at most 64');

export const DigestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'sha256:<64 hex digits>');

/** A large thing by reference: it lies in an object bucket under `key`; `digest` is the SHA-256 of its bytes. */
export const BlobRefSchema = z.object({
  bucket: z.enum(['DATASETS', 'MODELS', 'REPORTS']),
  key: z.string().min(1),
  digest: DigestSchema,
  bytes: z.number().int().nonnegative(),
});
export type BlobRef = z.infer<typeof BlobRefSchema>;

/** Pixels as a model sees them: `channels` 1 is grey, 3 is RGB; values 0..255. */
export const ImageSpecSchema = z.object({
  width: z.number().int().min(8).max(1024).default(64),
  height: z.number().int().min(8).max(1024).default(64),
  channels: z.union([z.literal(1), z.literal(3)]).default(1),
});
export type ImageSpec = z.infer<typeof ImageSpecSchema>;

export const SPLITS = ['train', 'validation', 'probe'] as const;
export const SplitSchema = z.enum(SPLITS);
export type Split = z.infer<typeof SplitSchema>;

/** One tar shard in WebDataset layout: per sample `<key>.png` and `<key>.json` (SampleRecord). */
export const ShardSchema = z.object({ blob: BlobRefSchema, samples: z.number().int().positive() });

/** The `.json` member beside each image of a shard. `digest` is that of the image as the source delivered it. */
export const SampleRecordSchema = z.object({
  id: z.string(),
  label: z.string(),
  source: z.string(),
  digest: DigestSchema,
  split: SplitSchema,
});
export type SampleRecord = z.infer<typeof SampleRecordSchema>;

export const QuarantinedSchema = z.object({
  source: z.string(),
  id: z.string(),
  label: z.string(),
  reason: z.enum(['unreadable', 'too-large', 'duplicate', 'contradictory-label', 'invalid-label']),
  message: z.string(),
});
export type Quarantined = z.infer<typeof QuarantinedSchema>;

/** An immutable, content-addressed dataset snapshot. The blob's digest names the snapshot. */
export const DatasetManifestSchema = z.object({
  format: z.literal('nightshift.dataset/1'),
  image: ImageSpecSchema,
  /** Every person, sorted; the index is the class number in training. */
  labels: z.array(z.string()),
  counts: z.object({ train: z.number(), validation: z.number(), probe: z.number(), total: z.number() }),
  shards: z.array(ShardSchema),
  sources: z.array(z.object({ name: z.string(), type: z.string(), samples: z.number(), quarantined: z.number() })),
  /** The first 1000 refused samples; `quarantinedTotal` counts all. */
  quarantined: z.array(QuarantinedSchema),
  quarantinedTotal: z.number(),
});
export type DatasetManifest = z.infer<typeof DatasetManifestSchema>;

/**
 * What an epoch serves. Embeddings of two models are not comparable, so a model and the gallery computed with it
 * always travel and switch together. `golden` holds inputs and the outputs that the verifier saw for them.
 */
export const ModelPairSchema = z.object({
  model: BlobRefSchema,
  gallery: BlobRefSchema,
  golden: BlobRefSchema,
  runId: TokenSchema,
});
export type ModelPair = z.infer<typeof ModelPairSchema>;

/** Where a pair that serves again comes from: the epoch in which it served first, and the run that made it. */
export const OriginSchema = z.object({ epoch: z.number().int().positive(), runId: TokenSchema });
export type Origin = z.infer<typeof OriginSchema>;

export const EpochSchema = ModelPairSchema.extend({
  epoch: z.number().int().positive(),
  committedAt: z.string(),
  /** Absent where the pair serves for the first time. */
  origin: OriginSchema.optional(),
});
export type Epoch = z.infer<typeof EpochSchema>;

/** A pair that replicas are asked to load. `runId` is that of the run which announced it. */
export const CandidateSchema = ModelPairSchema.extend({
  /** Given for a pair that has served before: an operator wants it back. */
  origin: OriginSchema.optional(),
  /** Given while it answers a share of the requests, before it is committed. */
  canary: z.object({ share: z.number().min(0).max(1), keyHeader: z.string().min(1) }).optional(),
});
export type Candidate = z.infer<typeof CandidateSchema>;

/** One epoch in the ledger of who served what, when. It ends when the next one starts. */
export const LedgerEntrySchema = z.object({
  epoch: z.number().int().positive(),
  startedAt: z.string(),
  /** Put there by a run that completed its verification, by an operator, or by a guard that saw a limit breached. */
  reason: z.enum(['deployed', 'operator', 'guard']),
  /** In words: what the operator said, or the figures that the guard saw. */
  why: z.string().nullable(),
  /** The run that put it there. */
  runId: TokenSchema,
  origin: OriginSchema,
  modelDigest: DigestSchema,
  galleryDigest: DigestSchema,
});
export type LedgerEntry = z.infer<typeof LedgerEntrySchema>;

/** DEPLOYMENTS/<model>: the desired state on which replicas converge. Written by the orchestrator alone. */
export const DeploymentSchema = z.object({
  model: TokenSchema,
  /** The epoch in service; null before the first deployment. */
  current: EpochSchema.nullable(),
  /** Stays resident on every replica, so that a rollback loads nothing. */
  previous: EpochSchema.nullable(),
  /** Announced by a run that is deploying: replicas load and warm it up, and keep serving `current`. */
  candidate: CandidateSchema.nullable(),
  /** Pairs that served before those two, newest first: what else can be rolled back to, by loading it anew. */
  retained: z.array(EpochSchema).default([]),
  /** The latest epochs, oldest first, the one in service last. */
  ledger: z.array(LedgerEntrySchema).default([]),
  /** Highest epoch number ever given; a rollback takes a new number for the old pair. */
  epochMax: z.number().int().nonnegative(),
  /** The run that wrote last, and what it did. */
  runId: TokenSchema,
  change: z.enum(['announced', 'tried', 'committed', 'rolled-back', 'withdrawn']),
});
export type Deployment = z.infer<typeof DeploymentSchema>;

export const LatencySchema = z.object({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() });
export type Latency = z.infer<typeof LatencySchema>;

/** How far the scores of `count` replies lie above the threshold (below: negative): their mean and standard deviation. */
export const ScoresSchema = z.object({ count: z.number().int(), mean: z.number(), deviation: z.number() });
export type Scores = z.infer<typeof ScoresSchema>;

/** What one replica counted of one epoch or candidate. */
export const ServingSchema = z.object({
  requests: z.number(),
  failed: z.number(),
  latencyMs: LatencySchema.nullable(),
  /** Null before the first reply with a score. */
  scores: ScoresSchema.nullable(),
});
export type Serving = z.infer<typeof ServingSchema>;

/** What was watched of a new epoch or a canary, over all replicas, beside what it was compared with. */
export const WindowFiguresSchema = z.object({
  requests: z.number(),
  failed: z.number(),
  medianMs: z.number().nullable(),
  baselineMedianMs: z.number().nullable(),
  scores: ScoresSchema.nullable(),
  baselineScores: ScoresSchema.nullable(),
  /** In standard deviations of the baseline's scores; null where either has none. */
  scoreShift: z.number().nullable(),
});
export type WindowFigures = z.infer<typeof WindowFiguresSchema>;

/** REPLICAS/<model>.<replicaId>: a heartbeat with a time to live. Its absence means the replica is gone. */
export const ReplicaStatusSchema = z.object({
  replicaId: TokenSchema,
  model: TokenSchema,
  startedAt: z.string(),
  /** Epoch in service on this replica; null while it serves nothing. */
  epoch: z.number().int().nullable(),
  modelDigest: DigestSchema.nullable(),
  /** Model digests that are loaded and warm. */
  resident: z.array(DigestSchema),
  /** The candidate's run, and what became of it here. */
  prepared: z.object({ runId: TokenSchema, modelDigest: DigestSchema, refused: z.string().nullable() }).nullable(),
  /** Figures of the epoch in service since it was switched to. */
  serving: ServingSchema,
  /** Figures of the epoch before it, as they stood at the switch: what the new one is compared with. */
  former: z.object({ epoch: z.number().int(), serving: ServingSchema }).nullable(),
  /** Figures of a candidate that answers a share of the requests. */
  trial: z.object({ runId: TokenSchema, serving: ServingSchema }).nullable(),
  /** True while requests that began on an earlier epoch are still to be answered. */
  draining: z.boolean(),
  /** Why it takes no requests although an epoch is in service, as `<CODE>: <message>`; null while it takes them. */
  outOfService: z.string().nullable(),
  /** Duration of the last swap in microseconds; null before the first. */
  swapUs: z.number().nullable(),
  /** Since the replica started: model hosts' processes that died or hung and were replaced, and images run again. */
  hosts: z.object({ replaced: z.number().int(), imagesRetried: z.number().int() }).optional(),
});
export type ReplicaStatus = z.infer<typeof ReplicaStatusSchema>;

/** Figures of one model on the snapshot's probes. Shares are 0..1. */
export const AccuracySchema = z.object({
  rank1: z.number(),
  rocAuc: z.number(),
  /** True accept rate at a false accept rate of 1 %. */
  tarAtFar1e2: z.number(),
  /** Cosine score from which two images count as the same person, at the false accept rate above. */
  threshold: z.number(),
  probes: z.number().int(),
  galleryPeople: z.number().int(),
});
export type Accuracy = z.infer<typeof AccuracySchema>;

export const PerformanceSchema = z.object({
  latencyMs: LatencySchema,
  imagesPerSecond: z.number(),
  requests: z.number().int(),
});
export type Performance = z.infer<typeof PerformanceSchema>;

export const GateSchema = z.object({
  name: z.string(),
  /** What was measured, what was required, and whether it holds. */
  value: z.number(),
  limit: z.number(),
  passed: z.boolean(),
  message: z.string(),
});
export type Gate = z.infer<typeof GateSchema>;

export const VerificationReportSchema = z.object({
  format: z.literal('nightshift.verification/1'),
  runId: TokenSchema,
  model: TokenSchema,
  candidate: z.object({ digest: DigestSchema, accuracy: AccuracySchema, performance: PerformanceSchema }),
  champion: z.object({ digest: DigestSchema, accuracy: AccuracySchema }).nullable(),
  gates: z.array(GateSchema),
  verdict: z.enum(['passed', 'rejected']),
  durationMs: z.object({ accuracy: z.number(), performance: z.number(), total: z.number() }),
});
export type VerificationReport = z.infer<typeof VerificationReportSchema>;

/** One step of long work, for progress bars. `figures` are free-form numbers such as loss or images/s. */
export const ProgressSchema = z.object({
  fraction: z.number().min(0).max(1),
  done: z.number(),
  total: z.number(),
  /** Of `done` and `total`, in the singular: the reader adds the plural. */
  unit: z.string(),
  figures: z.record(z.string(), z.number()).default({}),
  /** Milliseconds that it will still take at its latest pace; absent while that is unknown. */
  etaMs: z.number().nonnegative().optional(),
});
export type Progress = z.infer<typeof ProgressSchema>;

/** How a training went, beyond its figures: what ended it, and what happened to it on the way. */
export const TrainingCourseSchema = z.object({
  /** `time`: the budget was used up. `early-stopping`: the validation figure no longer improved. */
  ended: z.enum(['epochs', 'time', 'early-stopping']),
  /** The pass whose weights the model has. */
  bestEpoch: z.number().int(),
  /** Whether the weights began as the champion's, and if not, why not. */
  warmStart: z.discriminatedUnion('type', [
    z.object({ type: z.literal('warm'), from: z.string(), peopleCarried: z.number(), peopleNew: z.number() }),
    z.object({ type: z.literal('scratch'), reason: z.string() }),
  ]),
  /** The training diverged once, and went on from its last good checkpoint at a lower rate. */
  retry: z
    .object({ divergedAtStep: z.number(), fromStep: z.number(), rateFactor: z.number(), reason: z.string() })
    .nullable(),
});
export type TrainingCourse = z.infer<typeof TrainingCourseSchema>;

/** How a training went, pass by pass. */
export const LearningCurveSchema = z.object({
  runId: TokenSchema,
  model: TokenSchema,
  points: z.array(
    z.object({
      /** From 1. */
      epoch: z.number().int().positive(),
      /** Mean over the steps of the pass, in nats. */
      loss: z.number(),
      /** At its last step. */
      learningRate: z.number().nullish(),
      /** Share of validation images whose nearest person is right; null where there is no validation split. */
      validationRank1: z.number().nullable(),
      validationLoss: z.number().nullish(),
      /** Of the steps, without the validation: the one figure that differs from time to time. */
      imagesPerSecond: z.number().nullish(),
    }),
  ),
});
export type LearningCurve = z.infer<typeof LearningCurveSchema>;
export type CurvePoint = LearningCurve['points'][number];
