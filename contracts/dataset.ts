/** Dataset snapshots as they are stored: manifest, shards, samples, quarantine, and the form of an image. */
import { z } from 'zod';
import { DigestSchema, BlobRefSchema } from './references.ts';

const SIDE = z.number().int().min(8).max(1024).default(64);

export const ImageSpecSchema = z
  .object({
    width: SIDE.describe('In pixels.'),
    height: SIDE.describe('In pixels.'),
    channels: z
      .union([z.literal(1), z.literal(3)])
      .default(1)
      .describe('1: grey. 3: red, green, blue.'),
  })
  .describe('The size to which each image is brought: what the model sees. Values are 0..255.');
export type ImageSpec = z.infer<typeof ImageSpecSchema>;

/**
 * `train` and `validation` are learned from. `probe` judges the candidate. `held-out`: enrolled, of a person whom no
 * training sees. `stranger`: of somebody who is never enrolled.
 */
export const SPLITS = ['train', 'validation', 'probe', 'held-out', 'stranger'] as const;
export const SplitSchema = z.enum(SPLITS);
export type Split = z.infer<typeof SplitSchema>;

/** One tar shard in WebDataset layout: per sample `<key>.png` and `<key>.json` (SampleRecord). */
export const ShardSchema = z.object({ blob: BlobRefSchema, samples: z.number().int().positive() });

/**
 * The `.json` member beside each image of a shard. `digest` is that of the image's pixels (services/data/picture.ts), `file`
 * that of the file as the source delivered it. Before 0.6.0 there was the file's alone, as `digest`.
 */
export const SampleRecordSchema = z.object({
  id: z.string(),
  label: z.string(),
  source: z.string(),
  digest: DigestSchema,
  file: DigestSchema.optional(),
  split: SplitSchema,
  /** Of the picture, such as `light: left`; figures are given for each. */
  tags: z.array(z.string()).default([]),
});
export type SampleRecord = z.infer<typeof SampleRecordSchema>;

export const QuarantinedSchema = z.object({
  source: z.string(),
  id: z.string(),
  label: z.string(),
  reason: z.enum([
    'unreadable',
    // A file that cannot be opened or does not answer; an entry of a page without a label.
    'unavailable',
    'incomplete',
    'too-large',
    'blank',
    'duplicate',
    'contradictory-label',
    'invalid-label',
    'invalid-tags',
    // A stranger's image that is also an enrolled person's, or of somebody whom a net of this lineage has learned.
    'not-a-stranger',
    // Named by a check whose action is to set it aside, or of a person whom one names.
    'set-aside',
    // Of a person whom an operator had forgotten; neither name nor image is kept.
    'forgotten',
    // Where faces are looked for.
    'no-face',
    'several-faces',
    'too-small',
    'too-blurred',
  ]),
  message: z.string(),
});
export type Quarantined = z.infer<typeof QuarantinedSchema>;

/** Something about tonight's data, beside that of the model in service. */
export const DataFindingSchema = z.object({
  /** A key of the setting `checks`. */
  check: z.string(),
  action: z.enum(['note', 'quarantine', 'hold', 'stop']),
  message: z.string(),
});
export type DataFinding = z.infer<typeof DataFindingSchema>;

/** An immutable, content-addressed dataset snapshot. The blob's digest names the snapshot. */
export const DatasetManifestSchema = z.object({
  format: z.literal('nightshift.dataset/1'),
  image: ImageSpecSchema,
  /** The file with the detector and the settings by which faces were cut out; null if pictures were taken whole. */
  faces: BlobRefSchema.nullable().default(null),
  /** Every person of the sources, sorted: all of them are enrolled. */
  labels: z.array(z.string()),
  /** How many samples each of `labels` has, in their order. Absent before 0.6.0. */
  images: z.array(z.number().int()).optional(),
  /** Those of `labels` whom no training sees, sorted. The others, in order, are the classes of training. */
  heldOut: z.array(z.string()).default([]),
  /** Everybody of the sources of strangers, sorted; a name says nothing beyond its own images. */
  strangers: z.array(z.string()).default([]),
  counts: z.object({
    train: z.number(),
    validation: z.number(),
    probe: z.number(),
    'held-out': z.number().default(0),
    stranger: z.number().default(0),
    total: z.number(),
  }),
  /** People and images that a net of this lineage has learned from, tonight's included: never again held out or a probe. */
  learned: z
    .object({
      people: z.array(z.string()),
      images: BlobRefSchema,
      /** Probes for a lack of others, which stay probes (services/data/split.ts). Absent if there are none. */
      picks: BlobRefSchema.optional(),
      /** How the images look (services/data/learned-looks.ts), by which a copy is known. Absent before 0.6.0. */
      looks: z.array(BlobRefSchema).optional(),
    })
    .nullable()
    .default(null),
  /** Images that are near copies of another one of the same person, in the same group; absent before 0.6.0. */
  nearCopies: z.number().optional(),
  /** Of the samples with their splits: equal for two snapshots that train and judge alike. Absent before 0.3.0. */
  content: DigestSchema.optional(),
  /** Of the program that collected it. Absent before 0.6.0. */
  version: z.string().optional(),
  shards: z.array(ShardSchema),
  sources: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      samples: z.number(),
      quarantined: z.number(),
      /** What it holds besides samples, by kind, such as `.txt file`; absent if there is nothing. */
      passedOver: z.record(z.string(), z.number()).optional(),
      /** Of the samples that stayed: how many people they show, and their mean grey value, 0..255. Absent before 0.5.0. */
      people: z.number().optional(),
      grey: z.number().optional(),
    }),
  ),
  /** The first 1000 refused samples; `quarantinedTotal` counts all. */
  quarantined: z.array(QuarantinedSchema),
  quarantinedTotal: z.number(),
});
export type DatasetManifest = z.infer<typeof DatasetManifestSchema>;
