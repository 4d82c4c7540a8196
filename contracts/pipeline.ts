/**
 * The configuration of one model's pipeline: where its data comes from, how it is trained, what it must reach,
 * how it is put into service. A run keeps the copy with which it started, so editing the file changes later runs only.
 */
import { z } from 'zod';
import { ScheduleConfigSchema } from './schedule.ts';
import { ImageSpecSchema } from './values.ts';

export const SourceConfigSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('http'),
    name: z.string().min(1),
    /** Answers GET <url>?cursor=&limit= with a page: see services/data/http-source.ts. */
    url: z.url(),
    pageSize: z.number().int().min(1).max(1000).default(50),
    timeoutMs: z.number().int().min(100).default(10_000),
  }),
  z.object({
    type: z.literal('directory'),
    name: z.string().min(1),
    /** One folder per person, images inside. */
    path: z.string().min(1),
  }),
]);
export type SourceConfig = z.infer<typeof SourceConfigSchema>;

export const SplitConfigSchema = z.discriminatedUnion('strategy', [
  /** By the hash of the image, so a sample keeps its split from night to night. Shares of all samples, 0..1. */
  z.object({
    strategy: z.literal('content-hash'),
    validation: z.number().min(0).max(0.5).default(0.1),
    probe: z.number().min(0).max(0.5).default(0.2),
  }),
  /** The first `train` images of each person (by id, numerically) train, the rest are probes: benchmark protocols. */
  z.object({ strategy: z.literal('first-n'), train: z.number().int().min(1) }),
]);
export type SplitConfig = z.infer<typeof SplitConfigSchema>;

/** A window that slides over an image. */
const WINDOW = {
  kernel: z.number().int().min(1).max(31).default(3),
  stride: z.number().int().min(1).max(8).default(1),
  /** Zeros added on each side. Absent: "same", which keeps height and width but for the stride. */
  pad: z.number().int().min(0).max(15).optional(),
};
/** Side of the blocks that a pool takes, which do not overlap; absent: 2. */
const BLOCK = { size: z.number().int().min(2).max(16).optional() };

const LeafLayerSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('conv'), filters: z.number().int().min(1), ...WINDOW }),
  z.strictObject({ type: z.literal('depthwise-conv'), ...WINDOW }),
  z.strictObject({ type: z.literal('batch-norm') }),
  z.strictObject({ type: z.literal('relu') }),
  z.strictObject({ type: z.literal('prelu') }),
  z.strictObject({ type: z.literal('max-pool'), ...BLOCK }),
  z.strictObject({ type: z.literal('average-pool'), ...BLOCK }),
  z.strictObject({ type: z.literal('global-average-pool') }),
  z.strictObject({ type: z.literal('flatten') }),
  z.strictObject({ type: z.literal('dense'), units: z.number().int().min(1) }),
  /** `rate`: the share of values that a training step sets to zero. */
  z.strictObject({ type: z.literal('dropout'), rate: z.number().min(0).max(0.9) }),
  z.strictObject({ type: z.literal('l2-normalise') }),
]);
/** A layer that holds no others. */
export type LeafLayer = z.infer<typeof LeafLayerSchema>;

/** The output of `layers` plus that of `shortcut`, both fed with the same input; no shortcut adds the input itself. */
export interface ResidualLayer {
  readonly type: 'residual';
  readonly layers: readonly Layer[];
  readonly shortcut?: readonly Layer[] | undefined;
}

/** A layer of a net as data; docs/training.md describes each. */
export type Layer = LeafLayer | ResidualLayer;
export const LayerSchema: z.ZodType<Layer> = z.discriminatedUnion('type', [
  LeafLayerSchema,
  z.strictObject({
    type: z.literal('residual'),
    layers: z.lazy(() => z.array(LayerSchema).min(1)),
    shortcut: z.lazy(() => z.array(LayerSchema).min(1)).optional(),
  }),
]);

const SCALE = z.number().positive().default(16);
/** Share of each label that is spread over all classes. */
const LABEL_SMOOTHING = z.number().min(0).max(0.5).default(0);

/** What the embeddings are trained to: docs/training.md has the formulas. */
export const LossSchema = z.discriminatedUnion('type', [
  /** `margin` is taken from the cosine. */
  z.strictObject({
    type: z.literal('cosface'),
    scale: SCALE,
    margin: z.number().min(0).max(1).default(0.2),
    labelSmoothing: LABEL_SMOOTHING,
  }),
  /** `margin` is added to the angle, in radians. */
  z.strictObject({
    type: z.literal('arcface'),
    scale: SCALE,
    margin: z.number().min(0).max(1.5).default(0.2),
    labelSmoothing: LABEL_SMOOTHING,
  }),
  z.strictObject({ type: z.literal('softmax'), labelSmoothing: LABEL_SMOOTHING }),
]);
export type LossConfig = z.infer<typeof LossSchema>;

/** Largest length of the whole gradient; longer ones are scaled down to it. Absent: no limit. */
const CLIP_NORM = z.number().positive().optional();

export const OptimizerSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('adam'), weightDecay: z.number().min(0).default(0), clipNorm: CLIP_NORM }),
  z.strictObject({ type: z.literal('adamw'), weightDecay: z.number().min(0).default(0.01), clipNorm: CLIP_NORM }),
  z.strictObject({
    type: z.literal('sgd'),
    momentum: z.number().min(0).max(0.999).default(0.9),
    weightDecay: z.number().min(0).default(0),
    clipNorm: CLIP_NORM,
  }),
]);
export type OptimizerConfig = z.infer<typeof OptimizerSchema>;

/** An outside training program; docs/training-command.md is the contract that it keeps. */
export const CommandSchema = z.strictObject({
  /** The program and its arguments, run without a shell; the path of job.json is added as the last one. */
  argv: z.array(z.string().min(1)).min(1),
  /** Working folder; absent: that of the trainer. */
  cwd: z.string().min(1).optional(),
  /** Added to the trainer's own environment. */
  env: z.record(z.string(), z.string()).optional(),
  /** From SIGTERM to SIGKILL. */
  graceMs: z.number().int().min(0).default(10_000),
});
export type CommandConfig = z.infer<typeof CommandSchema>;

/** One number for all channels, or one per channel. */
const PER_CHANNEL = z.union([z.number(), z.array(z.number()).min(1).max(4)]);

/** An ONNX net that is not trained: its output is what the layers of `head` see. docs/training.md says what fits. */
export const BackboneSchema = z.strictObject({
  /** An ONNX file on the trainer's machine. */
  path: z.string().min(1),
  /** What it wants of pixels 0..255: (pixel - mean) * scale. A net that Nightshift trained wants them as they are. */
  input: z.strictObject({ mean: PER_CHANNEL.default(0), scale: PER_CHANNEL.default(1) }).prefault({}),
  /** Name of the output with the features; absent: its only one. */
  output: z.string().min(1).optional(),
  /** Layers on the features, ending in the embedding. */
  head: z
    .array(LayerSchema)
    .min(1)
    .default([{ type: 'dense', units: 128 }]),
  /** Folder for the features of images that were seen before. */
  cacheDir: z.string().min(1).default('.nightshift/features'),
});
export type BackboneConfig = z.infer<typeof BackboneSchema>;

export const TrainingConfigSchema = z
  .strictObject({
    strategy: z.enum(['onnx-graph', 'tfjs', 'command']).default('onnx-graph'),
    /** For the strategy "command", which needs it. */
    command: CommandSchema.optional(),
    /**
     * What may run the strategy "onnx-graph", best first. The first that is there and passes a self-test of its gradients
     * is used.
     */
    providers: z
      .array(z.enum(['cuda', 'webgpu', 'cpu']))
      .min(1)
      .default(['cuda', 'webgpu', 'cpu']),
    /** A shipped net by name, or a list of layers ending in the embedding. */
    net: z.union([z.enum(['face-small', 'refnet', 'face-resnet']), z.array(LayerSchema).min(1)]).default('face-small'),
    /** Train a head on the features of this net, in place of `net`. */
    backbone: BackboneSchema.optional(),
    epochs: z.number().int().min(1).max(10_000).default(40),
    /** Images per update. */
    batchSize: z.number().int().min(2).max(1024).default(32),
    /**
     * Images per pass through the net; their gradients add up to the update's, so memory falls, cores share the passes
     * and the update stays. Batch-norm takes its statistics per pass. A batchSize that is no multiple is rounded down to
     * one. Absent: half of an even batch of 16 or more, else all.
     */
    microBatch: z.number().int().min(2).max(1024).optional(),
    learningRate: z.number().positive().default(3e-3),
    loss: LossSchema.prefault({ type: 'cosface' }),
    optimizer: OptimizerSchema.prefault({ type: 'adam' }),
    /** Random distortions of each image in each pass. */
    augment: z
      .strictObject({
        flip: z.boolean().default(true),
        /** Largest shift in pixels, each axis: a random crop of the image with its edges repeated. */
        shiftPx: z.number().int().min(0).default(4),
        /** Largest change of brightness, in standard deviations of the image. */
        brightness: z.number().min(0).max(1).default(0.2),
        /** Largest relative change of contrast, 0..1. */
        contrast: z.number().min(0).max(1).default(0.2),
        /** Side of the square that is painted over with the image's mean; 0 paints none. */
        cutoutPx: z.number().int().min(0).default(0),
      })
      .prefault({}),
    /** How images get from disk to the training thread; none of it changes the result. */
    input: z
      .object({
        /** Threads that read, decode and augment. */
        workers: z.number().int().min(1).max(32).default(1),
        /** Most bytes of pixels in memory, whatever the size of the set. */
        memoryBytes: z
          .number()
          .int()
          .min(1)
          .default(256 * 1024 ** 2),
        /** Most bytes of decoded pixels on disk, of each split; what does not fit is decoded in every pass. */
        cacheBytes: z
          .number()
          .int()
          .min(0)
          .default(16 * 1024 ** 3),
      })
      .prefault({}),
    seed: z.number().int().default(1),
    /** Threads that compute at once: one for each pass of a step, the rest inside operators. 0: one per processor. */
    threads: z.number().int().min(0).default(0),
    /** Ends training after this time with the weights reached. */
    maxDurationMs: z
      .number()
      .int()
      .min(1000)
      .default(4 * 3600_000),
    /** A checkpoint after so many steps, and after each pass: what a killed training has to do again at most. */
    checkpointEverySteps: z.number().int().min(1).default(100),
    /** Ends training once the validation figure has not improved for `patience` passes; the best pass's weights win. */
    earlyStopping: z
      .strictObject({
        patience: z.number().int().min(1).default(5),
        /** A smaller improvement does not count. */
        minDelta: z.number().min(0).default(0),
        metric: z.enum(['rank-1', 'loss']).default('rank-1'),
      })
      .optional(),
    /** Begin with the champion's weights where its net is the same; false: from scratch every night. */
    warmStart: z.boolean().default(true),
  })
  .refine(({ strategy, command }) => strategy !== 'command' || command !== undefined, {
    path: ['command'],
    error: 'the strategy "command" needs a program in argv',
  });
export type TrainingConfig = z.infer<typeof TrainingConfigSchema>;

/** A week: a timer of the process cannot be set for longer than 24 days, and fires at once instead. */
const VERIFY_SIDE_MS_LIMIT = 7 * 24 * 3600_000;

export const VerificationConfigSchema = z.object({
  gates: z
    .object({
      rank1Min: z.number().min(0).max(1).default(0.8),
      rocAucMin: z.number().min(0).max(1).default(0.9),
      /** Largest drop of rank-1 below the champion's on the same probes. */
      rank1DropMax: z.number().min(0).max(1).default(0.02),
      latencyP99MsMax: z.number().positive().default(50),
      imagesPerSecondMin: z.number().min(0).default(50),
    })
    .prefault({}),
  /** Deadlines of the two sides, which run at once; the whole stage has `timeouts.verifyMs`. */
  accuracyMaxMs: z
    .number()
    .int()
    .positive()
    .max(VERIFY_SIDE_MS_LIMIT)
    .default(30 * 60_000),
  performanceMaxMs: z
    .number()
    .int()
    .positive()
    .max(VERIFY_SIDE_MS_LIMIT)
    .default(10 * 60_000),
  /** Single-image requests timed for the latency figures. */
  performanceRequests: z.number().int().min(10).default(200),
});
export type VerificationConfig = z.infer<typeof VerificationConfigSchema>;

/** A week of nights, with the two that are resident; each holds its model and gallery in the object store. */
export const RETAINED_EPOCHS = 5;
/** A person's word before a candidate is deployed. */
export const ApprovalConfigSchema = z.object({
  required: z.boolean().default(false),
  timeoutMs: z
    .number()
    .int()
    .positive()
    .default(12 * 3600_000),
  /** What happens when nobody has said anything by then. */
  onTimeout: z.enum(['reject', 'approve']).default('reject'),
});

export const CanaryConfigSchema = z.object({
  /** Share of the requests that the candidate answers before it is committed. */
  share: z.number().positive().max(0.5).default(0.1),
  windowMs: z.number().int().min(0).default(60_000),
  /** Requests with the same value of this header go the same way; without it, requests with the same payload. */
  keyHeader: z.string().min(1).default('Nightshift-Key'),
});

export const DeploymentConfigSchema = z.object({
  /** `hot-swap`: all replicas switch at once; `canary`: the candidate answers a share of the requests first. */
  strategy: z.enum(['hot-swap', 'canary']).default('hot-swap'),
  canary: CanaryConfigSchema.prefault({}),
  /** Live replicas needed before a deployment goes on. */
  replicasMin: z.number().int().min(1).default(1),
  /** How long the new epoch is watched after the commit. */
  guardMs: z.number().int().min(0).default(60_000),
  /** Share of failed requests in the guard window that rolls back, once `guardRequestsMin` were answered. */
  guardErrorRateMax: z.number().min(0).max(1).default(0.01),
  guardRequestsMin: z.number().int().min(1).default(20),
  guardLatencyP99MsMax: z.number().positive().default(500),
  /** Largest factor by which the median latency may grow over the previous epoch's. */
  guardLatencyRatioMax: z.number().min(1).default(4),
  /** Largest shift of the mean score over the threshold, in standard deviations of the previous epoch's. */
  guardScoreShiftMax: z.number().positive().default(4),
  /** Replies with a score that each epoch must have given before their scores are compared. */
  guardScoresMin: z.number().int().min(2).default(100),
  /** Pairs older than the previous one that stay listed for a rollback by loading them anew. */
  retainedEpochs: z.number().int().min(0).max(50).default(RETAINED_EPOCHS),
  approval: ApprovalConfigSchema.prefault({}),
});
export type DeploymentConfig = z.infer<typeof DeploymentConfigSchema>;

/** Deadlines per stage. A passed deadline means "unknown": the worker is asked before anything is undone. */
export const TimeoutsConfigSchema = z.object({
  collectMs: z
    .number()
    .int()
    .positive()
    .default(4 * 3600_000),
  trainMs: z
    .number()
    .int()
    .positive()
    .default(4 * 3600_000),
  verifyMs: z.number().int().positive().default(3600_000),
  deployMs: z
    .number()
    .int()
    .positive()
    .default(5 * 60_000),
  /** How long a worker that was asked for its status, or told to stop, may stay silent. */
  answerMs: z.number().int().positive().default(15_000),
  /** A worker that shows no sign of life for this long is asked. Workers give one every 10 s. */
  heartbeatMs: z.number().int().positive().default(60_000),
});

/** Waits double from attempt to attempt up to the maximum; each is shortened by up to half, so that runs spread. */
export const RetryConfigSchema = z.object({
  /** Attempts per stage, the first included; and per step of a compensation. */
  attemptsMax: z.number().int().min(1).max(20).default(3),
  backoffMs: z.number().int().positive().default(5_000),
  backoffMaxMs: z
    .number()
    .int()
    .positive()
    .default(5 * 60_000),
});

export const PipelineConfigSchema = z.object({
  sources: z.array(SourceConfigSchema).min(1),
  image: ImageSpecSchema.prefault({}),
  split: SplitConfigSchema.prefault({ strategy: 'content-hash' }),
  training: TrainingConfigSchema.prefault({}),
  verification: VerificationConfigSchema.prefault({}),
  deployment: DeploymentConfigSchema.prefault({}),
  timeouts: TimeoutsConfigSchema.prefault({}),
  retry: RetryConfigSchema.prefault({}),
  /** When runs start by themselves; absent: only by command. */
  schedule: ScheduleConfigSchema.optional(),
});
export type PipelineConfig = z.infer<typeof PipelineConfigSchema>;
