/** Names of things that travel: tokens, digests, and references to large things. */
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

/** The model that was fitted again to all images lies beside its candidate. */
export const refitKeyOf = ({ key }: Pick<BlobRef, 'key'>) => `${key.slice(0, key.lastIndexOf('/') + 1)}refit.onnx`;
