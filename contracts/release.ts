/** What is in service and what may be: pairs, releases, candidates, and the deployment record with its ledger. */
import { z } from 'zod';
import { TokenSchema, DigestSchema, BlobRefSchema } from './references.ts';

/**
 * What a release serves. Embeddings of two models are not comparable, so a model and the gallery computed with it
 * always travel and switch together. `golden` holds inputs and the outputs that the verifier saw for them.
 */
export const ModelPairSchema = z.object({
  model: BlobRefSchema,
  gallery: BlobRefSchema,
  golden: BlobRefSchema,
  runId: TokenSchema,
});
export type ModelPair = z.infer<typeof ModelPairSchema>;

/** Where a pair that serves again comes from: the release in which it served first, and the run that made it. */
export const OriginSchema = z.object({ release: z.number().int().positive(), runId: TokenSchema });
export type Origin = z.infer<typeof OriginSchema>;

export const ReleaseSchema = ModelPairSchema.extend({
  release: z.number().int().positive(),
  committedAt: z.string(),
  /** Absent where the pair serves for the first time. */
  origin: OriginSchema.optional(),
});
export type Release = z.infer<typeof ReleaseSchema>;

/** A pair that replicas are asked to load. `runId` is that of the run which announced it. */
export const AnnouncedSchema = ModelPairSchema.extend({
  /** Given for a pair that has served before: an operator wants it back. */
  origin: OriginSchema.optional(),
  /** Given while it answers a share of the requests, before it is committed. */
  canary: z.object({ share: z.number().min(0).max(1), keyHeader: z.string().min(1) }).optional(),
});
export type Announced = z.infer<typeof AnnouncedSchema>;

/** One release in the ledger of who served what, when. It ends when the next one starts. */
export const LedgerEntrySchema = z.object({
  release: z.number().int().positive(),
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

const RecordSchema = z.object({
  model: TokenSchema,
  /** The release in service; null before the first deployment. */
  current: ReleaseSchema.nullable(),
  /** Stays resident on every replica, so that a rollback loads nothing. */
  previous: ReleaseSchema.nullable(),
  /** Announced by a run that is deploying: replicas load and warm it up, and keep serving `current`. */
  announced: AnnouncedSchema.nullable(),
  /** Pairs that served before those two, newest first: what else can be rolled back to, by loading it anew. */
  retained: z.array(ReleaseSchema).default([]),
  /** The latest releases, oldest first, the one in service last. */
  ledger: z.array(LedgerEntrySchema).default([]),
  /** Highest release number ever given; a rollback takes a new number for the old pair. */
  releaseMax: z.number().int().nonnegative(),
  /** The run that wrote last, and what it did. */
  runId: TokenSchema,
  change: z.enum(['announced', 'canary-started', 'committed', 'rolled-back', 'withdrawn']),
});

/** Names in the records of 0.1.0, where a release was an epoch and whatever was announced a candidate. */
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
