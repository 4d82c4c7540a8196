/**
 * Signatures as they travel and lie in files: a DSSE envelope around an in-toto statement (what a verifier says of a
 * release, a trainer of a model, an operator of a candidate, a janitor of what it wrote anew), the seal of a deployment record, and the list of trusted
 * keys. services/signing/ makes and checks them.
 */
import { z } from 'zod';
import { ImageSpecSchema } from './dataset.ts';
import { DigestSchema, TokenSchema } from './references.ts';
import { GateSchema, VerdictSchema } from './verification.ts';

/** Who may sign what. A key is named after its role, or `<role>-<more>` if there are several. */
export const KEY_ROLES = ['verifier', 'trainer', 'orchestrator', 'operator', 'janitor'] as const;
export type KeyRole = (typeof KEY_ROLES)[number];

/** The first 16 hex digits of the SHA-256 of the public key (SPKI, DER). */
export const KeyIdSchema = z.string().regex(/^[0-9a-f]{16}$/, '16 hex digits');

/** https://github.com/secure-systems-lab/dsse; everything inside is base64. */
export const EnvelopeOfStatementSchema = z.object({
  payloadType: z.literal('application/vnd.in-toto+json'),
  payload: z.string().min(1),
  signatures: z
    .array(z.object({ keyid: KeyIdSchema, sig: z.string().min(1) }))
    .min(1)
    .max(16),
});
export type EnvelopeOfStatement = z.infer<typeof EnvelopeOfStatementSchema>;

const SubjectsSchema = z
  .array(z.object({ name: z.string(), digest: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }) }))
  .min(1)
  .max(16);

/** https://in-toto.io/Statement/v1 */
const statementOf = <T extends string, P extends z.ZodType>(predicateType: T, predicate: P) =>
  z.object({
    _type: z.literal('https://in-toto.io/Statement/v1'),
    subject: SubjectsSchema,
    predicateType: z.literal(predicateType),
    predicate,
  });

/** A verifier's word on a pair. */
export const ReleaseStatementSchema = statementOf(
  'https://nightshift.dev/release/v1',
  z.object({
    model: TokenSchema,
    run: TokenSchema,
    verdict: VerdictSchema,
    admitted: z.boolean(),
    gates: z.array(GateSchema),
    thresholds: z.object({ identify: z.number(), verify: z.number() }),
    image: ImageSpecSchema,
    dataset: DigestSchema,
    champion: DigestSchema.nullable(),
    time: z.iso.datetime(),
  }),
);
export type ReleaseStatement = z.infer<typeof ReleaseStatementSchema>;

/** A trainer's word on the origin of a model. */
export const ProvenanceStatementSchema = statementOf(
  'https://nightshift.dev/provenance/v1',
  z.object({
    model: TokenSchema,
    run: TokenSchema,
    dataset: DigestSchema,
    /** Of the training section of the configuration, as canonical JSON. */
    configuration: DigestSchema,
    strategy: z.string(),
    /** Of the build that trained: the version, and the digest of its entry file. */
    program: z.object({ version: z.string(), digest: DigestSchema }),
    time: z.iso.datetime(),
  }),
);
export type ProvenanceStatement = z.infer<typeof ProvenanceStatementSchema>;

/** An operator's word on a candidate that waits for one, or that its verification did not bless. */
export const ApprovalStatementSchema = statementOf(
  'https://nightshift.dev/approval/v1',
  z.object({ model: TokenSchema, run: TokenSchema, reason: z.string().nullable(), time: z.iso.datetime() }),
);
export type ApprovalStatement = z.infer<typeof ApprovalStatementSchema>;

/** A janitor's word that the subject is what is left of `replaces` without somebody who is forgotten. */
export const ForgettingStatementSchema = statementOf(
  'https://nightshift.dev/forgetting/v1',
  z.object({ replaces: DigestSchema }),
);
export type ForgettingStatement = z.infer<typeof ForgettingStatementSchema>;

/** At the end of a deployment record: who wrote this revision, and upon which. */
export const SealSchema = z.object({
  number: z.number().int().positive().describe('of the revision; each is one higher than the one before'),
  before: DigestSchema.nullable().describe('of the revision before; null at the first'),
  keyid: KeyIdSchema,
  sig: z.string().min(1).describe('Ed25519 over the canonical JSON of the record with this seal, less this field'),
});
export type Seal = z.infer<typeof SealSchema>;

const TrustedKeySchema = z.strictObject({
  id: KeyIdSchema,
  name: TokenSchema,
  role: z.enum(KEY_ROLES),
  publicKey: z.string().min(1).describe('SPKI, DER, base64'),
  addedAt: z.iso.datetime(),
  retiredAt: z.iso.datetime().nullable().default(null).describe('signs no more; its signatures stay valid'),
});
export type TrustedKey = z.infer<typeof TrustedKeySchema>;

/** `trust.json`: the keys that one machine believes. `nightshift keys` writes it; `releases.trust` names it. */
export const TrustSchema = z.strictObject({
  format: z.literal('nightshift.trust/1'),
  keys: z.array(TrustedKeySchema).max(100),
  required: z
    .strictObject({ verifier: z.number().int().min(1).default(1), operator: z.number().int().min(0).default(0) })
    .prefault({})
    .describe('so many different keys of a role have to have signed a release'),
  revoked: z
    .strictObject({ keys: z.array(KeyIdSchema).default([]), digests: z.array(DigestSchema).default([]) })
    .prefault({}),
  adopted: z
    .array(DigestSchema)
    .default([])
    .describe('models and galleries that served before releases were signed: they need no statement'),
});
export type Trust = z.infer<typeof TrustSchema>;

/** RUNS/approval.<runId>: words of operators on the candidate of a run. */
export const ApprovalsSchema = z.object({ approvals: z.array(EnvelopeOfStatementSchema).max(8) });
export type Approvals = z.infer<typeof ApprovalsSchema>;
