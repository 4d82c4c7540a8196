/** Models in service: pairs, releases, announcements, and the deployment record with its ledger. */
import { z } from 'zod';
import { TokenSchema, DigestSchema, BlobRefSchema } from './references.ts';
import { EnvelopeOfStatementSchema, SealSchema } from './signing.ts';

/**
 * A model and the gallery computed with it. They always travel and switch together, because embeddings of two models
 * are not comparable. `golden` holds inputs and the outputs that the verifier saw for them.
 */
export const ModelPairSchema = z.object({
  model: BlobRefSchema,
  gallery: BlobRefSchema,
  golden: BlobRefSchema,
  runId: TokenSchema,
  faces: BlobRefSchema.optional().describe(
    'finds the face in a photograph, as in those that it was trained on; absent if it sees whole pictures',
  ),
  judged: BlobRefSchema.optional().describe(
    'the candidate that was verified, if `model` is that candidate fitted again to all images: the next night is compared with it',
  ),
  dataset: BlobRefSchema.optional().describe('the snapshot that it was trained on; absent before 0.3.0'),
  statement: BlobRefSchema.optional().describe("its verifiers' signed word on it; absent if nobody signs"),
  approvals: z
    .array(EnvelopeOfStatementSchema)
    .max(8)
    .optional()
    .describe('words of operators on it, each signed with a key of their own'),
  blessed: z.literal(true).optional().describe('an operator put it into service although it was not admitted'),
});
export type ModelPair = z.infer<typeof ModelPairSchema>;

/** The origin of a pair that serves again: the release in which it served first, and the run that made it. */
export const OriginSchema = z.object({ release: z.number().int().positive(), runId: TokenSchema });
export type Origin = z.infer<typeof OriginSchema>;

export const ReleaseSchema = ModelPairSchema.extend({
  release: z.number().int().positive(),
  committedAt: z.string(),
  origin: OriginSchema.optional().describe('absent if the pair serves for the first time'),
});
export type Release = z.infer<typeof ReleaseSchema>;

/** A pair that replicas are asked to load. `runId` is that of the run which announced it. */
export const AnnouncedSchema = ModelPairSchema.extend({
  origin: OriginSchema.optional().describe('given for a pair that has served before: an operator wants it back'),
  canary: z
    .object({ share: z.number().min(0).max(1), keyHeader: z.string().min(1) })
    .optional()
    .describe('given while it answers a share of the requests, before it is committed'),
});
export type Announced = z.infer<typeof AnnouncedSchema>;

/** One release in the ledger of who served what, when. It ends when the next one starts. */
export const LedgerEntrySchema = z.object({
  release: z.number().int().positive(),
  startedAt: z.string(),
  reason: z
    .enum(['deployed', 'blessed', 'operator', 'guard'])
    .describe(
      'put there by a run whose verification let it serve; by an operator who blessed a candidate that it had refused; ' +
        'by an operator who wanted an earlier release back; or by a guard that saw a limit breached',
    ),
  why: z.string().nullable().describe('in words: what the operator said, or the figures that the guard saw'),
  by: z
    .string()
    .optional()
    .describe('who answers for it: a person or role, `schedule`, or `guard`; absent before 0.4.0'),
  runId: TokenSchema.describe('the run that put it there'),
  origin: OriginSchema,
  modelDigest: DigestSchema,
  galleryDigest: DigestSchema,
  facesDigest: DigestSchema.optional().describe('absent if it sees whole pictures'),
});
export type LedgerEntry = z.infer<typeof LedgerEntrySchema>;

const RecordSchema = z.object({
  model: TokenSchema,
  current: ReleaseSchema.nullable().describe('the release in service; null before the first deployment'),
  previous: ReleaseSchema.nullable().describe('stays resident on every replica, so that a rollback loads nothing'),
  announced: AnnouncedSchema.nullable().describe(
    'announced by a run that is deploying: replicas load and warm it up, and keep serving `current`',
  ),
  retained: z
    .array(ReleaseSchema)
    .default([])
    .describe('pairs that served before those two, newest first: what else can be rolled back to, by loading it anew'),
  ledger: z.array(LedgerEntrySchema).default([]).describe('the latest releases, oldest first, the one in service last'),
  releaseMax: z
    .number()
    .int()
    .nonnegative()
    .describe('highest release number ever given; a rollback takes a new number for the old pair'),
  runId: TokenSchema.describe('the run that wrote last, and what it did'),
  change: z.enum(['announced', 'canary-started', 'committed', 'rolled-back', 'withdrawn']),
  seal: SealSchema.optional().describe("the orchestrator's signature of this revision; absent if nobody signs"),
});

/** Names in the records of 0.1.0: a release was an epoch there, and an announced pair a candidate. */
const NAMES_BEFORE: Readonly<Record<string, string>> = {
  epoch: 'release',
  epochMax: 'releaseMax',
  candidate: 'announced',
};

function inTodaysWords(value: unknown): unknown {
  if (value === 'tried') return 'canary-started';
  if (Array.isArray(value)) return value.map(inTodaysWords);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [NAMES_BEFORE[name] ?? name, inTodaysWords(inner)]),
  );
}

/** DEPLOYMENTS/<model>: the desired state on which replicas converge. Written by the orchestrator alone. */
export const DeploymentSchema = z.preprocess(
  (record) => (typeof record === 'object' && record !== null && 'epochMax' in record ? inTodaysWords(record) : record),
  RecordSchema,
);
export type Deployment = z.infer<typeof DeploymentSchema>;
