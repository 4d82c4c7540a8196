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
