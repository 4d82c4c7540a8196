/** How a candidate is trained: net or backbone, loss, optimizer, augmentation, limits. */
import { z } from 'zod';
import { TextOrSecretSchema } from '../secret.ts';
import { LayerSchema } from './layers.ts';
import { LOCAL_NAME, LocalNameSchema } from './local-name.ts';
import { OwnModuleSchema } from './own-module.ts';

const SCALE = z.number().positive().default(16).describe('Factor of all cosines.');
const LABEL_SMOOTHING = z
  .number()
  .min(0)
  .max(0.5)
  .default(0)
  .describe('Share of each label that is spread over all classes.');

export const LossSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('cosface'),
      scale: SCALE,
      margin: z.number().min(0).max(1).default(0.2).describe('Taken from the cosine of the true class.'),
      labelSmoothing: LABEL_SMOOTHING,
    }),
    z.strictObject({
      type: z.literal('arcface'),
      scale: SCALE,
      margin: z.number().min(0).max(1.5).default(0.2).describe('Added to the angle of the true class, in radians.'),
      labelSmoothing: LABEL_SMOOTHING,
    }),
    z.strictObject({ type: z.literal('softmax'), labelSmoothing: LABEL_SMOOTHING }),
  ])
  .describe('The loss to which the embeddings are trained.');
export type LossConfig = z.infer<typeof LossSchema>;

const CLIP_NORM = z
  .number()
  .positive()
  .optional()
  .describe('Largest length of the whole gradient; longer ones are scaled down to it. Absent: no limit.');
const DECAY = z.number().min(0);

export const OptimizerSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('adam'),
      weightDecay: DECAY.default(0).describe('Goes into the gradient.'),
      clipNorm: CLIP_NORM,
    }),
    z.strictObject({
      type: z.literal('adamw'),
      weightDecay: DECAY.default(0.01).describe('Is taken off the weights.'),
      clipNorm: CLIP_NORM,
    }),
    z.strictObject({
      type: z.literal('sgd'),
      momentum: z.number().min(0).max(0.999).default(0.9).describe('Share of the last update that is kept.'),
      weightDecay: DECAY.default(0).describe('Goes into the gradient.'),
      clipNorm: CLIP_NORM,
    }),
  ])
  .describe('How weights follow from gradients.');
export type OptimizerConfig = z.infer<typeof OptimizerSchema>;

/** docs/training-command.md is the contract that the program keeps. */
export const CommandSchema = z
  .strictObject({
    argv: z
      .array(z.string().min(1))
      .min(1)
      .describe('The program and its arguments, run without a shell; the path of job.json is added as the last one.'),
    cwd: z.string().min(1).optional().describe('Working folder. Absent: that of the trainer.'),
    env: z
      .record(z.string(), TextOrSecretSchema)
      .optional()
      .describe(
        'Environment of the program, beside PATH, HOME, TMPDIR and LANG of the trainer. A value may be a secret.',
      ),
    inheritEnv: z
      .array(z.string().min(1))
      .optional()
      .describe("Names of further variables of the trainer's environment that the program gets."),
    graceMs: z.number().int().min(0).default(10_000).describe('From SIGTERM to SIGKILL.'),
  })
  .describe('The outside program of the strategy `command`, which needs it.');
export type CommandConfig = z.infer<typeof CommandSchema>;

const isNameAlone = ({ argv, cwd, env, inheritEnv, local }: Partial<CommandConfig> & { readonly local?: unknown }) =>
  local === undefined ? argv !== undefined : [argv, cwd, env, inheritEnv].every((it) => it === undefined);

/** As a pipeline has it: written out, or by its name. One object, so that a slip is told of by the field. */
const WrittenCommandSchema = z
  .strictObject({
    ...CommandSchema.shape,
    argv: CommandSchema.shape.argv.optional(),
    ...{ local: LOCAL_NAME.local.optional(), version: LOCAL_NAME.version },
  })
  .describe(`${CommandSchema.description} Written out here, or \`{"local": "<name>"}\` alone.`)
  .refine(isNameAlone, { error: 'either argv, with what belongs to it, or {"local": "<name>"} alone' });

export const ForeignModelSchema = z
  .strictObject({
    memoryBytes: z
      .number()
      .int()
      .min(256 * 1024 ** 2)
      .default(4 * 1024 ** 3)
      .describe('Most memory of the process.'),
    timeoutMs: z
      .number()
      .int()
      .min(100)
      .default(120_000)
      .describe('Most time for loading the model, and for each run of it on a batch of images.'),
  })
  .describe(
    'Limits of the process in which a model that Nightshift did not make is tried: of a program or a backbone.',
  );
export type ForeignModelConfig = z.infer<typeof ForeignModelSchema>;
/** Where no pipeline says otherwise: for the import of a backbone. */
export const FOREIGN_MODEL_LIMITS: ForeignModelConfig = ForeignModelSchema.parse({});

/** One number for all channels, or one per channel. */
const PER_CHANNEL = z.union([z.number(), z.array(z.number()).min(1).max(4)]);

/** Brings the features to one scale and costs nobody whom it did not learn: docs/decision.md has the figures. */
export const DEFAULT_HEAD: z.infer<typeof LayerSchema>[] = [{ type: 'batch-norm' }];
/** The head that `auto` compares with none. */
export const AUTO_HEAD: z.infer<typeof LayerSchema>[] = [{ type: 'dense', units: 128 }];

/** docs/training.md says which files fit. */
export const BackboneSchema = z
  .strictObject({
    path: z.string().min(1).describe("An ONNX file on the trainer's machine."),
    input: z
      .strictObject({
        mean: PER_CHANNEL.default(0).describe('One number for all channels, or one per channel.'),
        scale: PER_CHANNEL.default(1).describe('One number for all channels, or one per channel.'),
      })
      .prefault({})
      .describe(
        'The net sees (pixel - mean) * scale, pixels being 0..255. A net that Nightshift trained wants them as they are.',
      ),
    output: z.string().min(1).optional().describe('Name of the output with the features. Absent: its only one.'),
    head: z
      .union([z.enum(['none', 'auto']), z.array(LayerSchema).min(1)], {
        error: '"none", "auto", or a list of layers as in docs/training.md',
      })
      .default(DEFAULT_HEAD)
      .describe(
        'Layers on the features, ending in the embedding. `none`: the features are the embedding, and nothing is ' +
          'trained. `auto`: a dense layer of 128 or none, whichever recognises people better whom the head has not seen.',
      ),
    cacheDir: z
      .string()
      .min(1)
      .default('.nightshift/features')
      .describe('Folder for the features of images that were seen before.'),
  })
  .describe('An ONNX net that is not trained. A head is trained on its features, in place of `net`.');
export type BackboneConfig = z.infer<typeof BackboneSchema>;

/** As a pipeline has it: the file may be named. */
const WrittenBackboneSchema = BackboneSchema.extend({
  path: z
    .union([BackboneSchema.shape.path, LocalNameSchema], { error: 'a path, or {"local": "<name>"}' })
    .describe(`${BackboneSchema.shape.path.description} Or its name in \`local.files\`.`),
}).describe(BackboneSchema.description!); // It has one.

const AugmentSchema = z
  .strictObject({
    flip: z.boolean().default(true).describe('Mirrored or not.'),
    shiftPx: z
      .number()
      .int()
      .min(0)
      .default(4)
      .describe('Largest shift in pixels on each axis: a random crop of the image with its edges repeated.'),
    brightness: z
      .number()
      .min(0)
      .max(1)
      .default(0.2)
      .describe('Largest change of brightness, in standard deviations of the image.'),
    contrast: z.number().min(0).max(1).default(0.2).describe('Largest relative change of contrast.'),
    cutoutPx: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe("Side of the square that is painted over with the image's mean; 0 paints none."),
  })
  .describe('Random distortions of each image, drawn anew in each epoch.');

const InputSchema = z
  .object({
    workers: z.number().int().min(1).max(32).default(1).describe('Threads that read, decode and augment.'),
    memoryBytes: z
      .number()
      .int()
      .min(1)
      .default(256 * 1024 ** 2)
      .describe('Most bytes of pixels in memory, whatever the size of the set.'),
    cacheBytes: z
      .number()
      .int()
      .min(0)
      .default(16 * 1024 ** 3)
      .describe('Most bytes of decoded pixels on disk, of each split; the rest is decoded in every epoch.'),
  })
  .describe('How images get from disk to the training thread; none of it changes the result.');

const EarlyStoppingSchema = z
  .strictObject({
    patience: z.number().int().min(1).default(5).describe('Epochs without an improvement that end the training.'),
    minDelta: z.number().min(0).default(0).describe('A smaller improvement does not count.'),
    metric: z.enum(['rank-1', 'loss']).default('rank-1').describe('The figure of the validation split that counts.'),
  })
  .describe("Ends training once validation no longer improves; the best epoch's weights win. Absent: off.");

const STRATEGIES = ['onnx-graph', 'tfjs', 'command'] as const;
const OWN_STRATEGY = '`{"module": "./my-strategy.mjs"}`';

const SETTINGS = z
  .strictObject({
    strategy: z
      .union([z.enum(STRATEGIES), OwnModuleSchema])
      .default('onnx-graph')
      .describe(
        '`onnx-graph`: by onnxruntime. `tfjs`: by TensorFlow.js. `command`: by an outside program. Or a module of your ' +
          `own: ${OWN_STRATEGY}.`,
      ),
    command: CommandSchema.optional(),
    foreignModel: ForeignModelSchema.prefault({}),
    providers: z
      .array(z.enum(['cuda', 'webgpu', 'cpu']))
      .min(1)
      .default(['cuda', 'webgpu', 'cpu'])
      .describe(
        'Providers that may run the strategy `onnx-graph`, best first. The first that is there and passes a self-test ' +
          'of its gradients is used.',
      ),
    net: z
      .union([z.enum(['face-small', 'refnet', 'face-resnet']), z.array(LayerSchema).min(1)])
      .default('face-small')
      .describe('A shipped net by name, or a list of layers ending in the embedding.'),
    backbone: BackboneSchema.optional(),
    epochs: z.number().int().min(1).max(10_000).default(40).describe('Passes of the training over all images.'),
    batchSize: z.number().int().min(2).max(1024).default(32).describe('Images per update of the weights.'),
    microBatch: z
      .number()
      .int()
      .min(2)
      .max(1024)
      .optional()
      .describe(
        "Images per pass through the net; their gradients add up to the update's, so memory falls, cores share the passes " +
          'and the update stays. Batch-norm takes its statistics per pass. A batchSize that is no multiple is rounded down ' +
          'to one. Absent: half of an even batch of 16 or more, else all.',
      ),
    learningRate: z.number().positive().default(3e-3).describe('The highest rate; it rises to it and falls again.'),
    loss: LossSchema.prefault({ type: 'cosface' }),
    optimizer: OptimizerSchema.prefault({ type: 'adam' }),
    augment: AugmentSchema.prefault({}),
    input: InputSchema.prefault({}),
    seed: z.number().int().default(1).describe('The same seed gives the same model, bit by bit.'),
    threads: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe(
        'Threads that compute at once: one for each pass of a step, the rest inside operators, where they may change the ' +
          'rounding. 0: one per processor.',
      ),
    maxDurationMs: z
      .number()
      .int()
      .min(1000)
      .default(4 * 3600_000)
      .describe('Ends training after this time with the weights reached.'),
    checkpointEverySteps: z
      .number()
      .int()
      .min(1)
      .default(100)
      .describe(
        'A training checkpoint after so many steps, and after each epoch: what a killed training has to do again at most.',
      ),
    earlyStopping: EarlyStoppingSchema.optional(),
    mirror: z
      .boolean()
      .default(false)
      .describe(
        'The model embeds each picture and its mirror image, and answers their mean: people that it never learned are ' +
          'recognised somewhat better, and each answer takes twice as long. For faces, not for letters or digits.',
      ),
    refit: z
      .boolean()
      .default(false)
      .describe(
        'After the candidate, a second training of as many passes also learns its probes. It is served in place of a candidate ' +
          'that may serve, if strangers and people held out fare no worse with it; the next night begins with the candidate.',
      ),
    warmStart: z
      .boolean()
      .default(true)
      .describe("Begin with the champion's weights if its net is the same. False: from scratch every night."),
  })
  .describe('How a candidate is trained.');

const hasItsProgram = ({ strategy, command }: { readonly strategy: unknown; readonly command?: unknown }) =>
  strategy !== 'command' || command !== undefined;
const PROGRAM_LACKS = { path: ['command'], error: 'the strategy "command" needs a program in argv' };

/** With everything written out, as the trainer needs it. */
export const TrainingConfigSchema = SETTINGS.refine(hasItsProgram, PROGRAM_LACKS);
export type TrainingConfig = z.infer<typeof TrainingConfigSchema>;

/** As a pipeline has it: programs, files and modules may be named. */
export const WrittenTrainingSchema = SETTINGS.extend({
  strategy: SETTINGS.shape.strategy
    .unwrap()
    .or(LocalNameSchema)
    .default('onnx-graph')
    .describe(`${SETTINGS.shape.strategy.description} Or its name in \`local.modules\`.`),
  command: WrittenCommandSchema.optional(),
  backbone: WrittenBackboneSchema.optional(),
})
  .describe(SETTINGS.description!) // It has one.
  .refine(hasItsProgram, PROGRAM_LACKS);
/** Of onnxruntime: what computes. */
export type Provider = TrainingConfig['providers'][number];
