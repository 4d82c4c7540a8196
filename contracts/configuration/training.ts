/** How a candidate is trained: net or backbone, loss, optimizer, augmentation, limits. */
import { z } from 'zod';
import { LayerSchema } from './layers.ts';

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
/** Of onnxruntime: what computes. */
export type Provider = TrainingConfig['providers'][number];
