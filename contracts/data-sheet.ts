/**
 * What a night's data was, for people: who is in it, what came and went since the model in service, what was set aside, with
 * a few pictures of each. Stored beside the run's report, because who reads reports may not read the snapshot itself. Lists
 * name people in the fields from which a person who is forgotten is taken out (services/forgetting/json-without.ts).
 */
import { z } from 'zod';
import { DataFindingSchema, DatasetManifestSchema, ImageSpecSchema, QuarantinedSchema } from './dataset.ts';
import { BlobRefSchema, DigestSchema, TokenSchema } from './references.ts';

/** Of an image's SHA-256, the first twelve hexadecimal digits: enough to know it again among those of one person. */
export const ImageMarkSchema = z.string().regex(/^[0-9a-f]{12}$/);

export const PictureSchema = z.object({
  /** The name under which the source has it. */
  label: z.string(),
  source: z.string(),
  /** The source's own id. */
  id: z.string(),
  /** PNG, base64. */
  picture: z.string(),
});
export type Picture = z.infer<typeof PictureSchema>;

const ShownSchema = z.object({
  /** Of all images, whether they are shown or not. */
  total: z.number().int(),
  pictures: z.array(PictureSchema),
});

export const DataSheetSchema = z.object({
  format: z.literal('nightshift.data/1'),
  runId: TokenSchema,
  model: TokenSchema,
  dataset: BlobRefSchema,
  content: DigestSchema.nullable(),
  /** The snapshot of the model in service; null: there is none, or it is gone. */
  comparedWith: DigestSchema.nullable(),
  image: ImageSpecSchema,
  counts: DatasetManifestSchema.shape.counts,
  /** Images that are near copies of another one of the same person. Absent in sheets of the first days of 0.6.0. */
  nearCopies: z.number().int().optional(),
  heldOut: z.number().int(),
  strangers: z.number().int(),
  sources: DatasetManifestSchema.shape.sources,
  findings: z.array(DataFindingSchema),
  /** Everybody enrolled, sorted, with the marks of their images, sorted. */
  people: z.array(z.object({ label: z.string(), images: z.array(ImageMarkSchema) })),
  came: z.array(z.string()),
  left: z.array(z.string()),
  /** Null: the sheet of the night that the model in service comes from is not there. */
  added: ShownSchema.nullable(),
  gone: ShownSchema.nullable(),
  quarantinedTotal: z.number().int(),
  /** The first 1000; `picture` of the first ones that could be decoded. */
  quarantined: z.array(QuarantinedSchema.extend({ picture: z.string().optional() })),
});
export type DataSheet = z.infer<typeof DataSheetSchema>;
