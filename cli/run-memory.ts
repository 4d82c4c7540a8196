/**
 * The pair that a run has made, from its memory as the API shows it: the refit in place of the candidate if that is what
 * would serve. Used by the commands that sign a candidate or hand it on.
 */
import { z } from 'zod';
import { BlobRefSchema } from '../contracts/references.ts';
import { ModelPairSchema, type ModelPair } from '../contracts/release.ts';

const MemorySchema = z.object({
  candidate: BlobRefSchema,
  verification: ModelPairSchema.pick({ gallery: true, golden: true, faces: true, statement: true }).extend({
    refit: BlobRefSchema.optional(),
  }),
  blessing: z.object({}).nullish(),
});

/** Null of a run without a verified candidate. */
export function pairIn(context: unknown, runId: string): ModelPair | null {
  const { data } = MemorySchema.safeParse(context);
  if (!data) return null;
  const { candidate, verification, blessing } = data;
  const { refit, ...papers } = verification;
  return { ...papers, model: refit ?? candidate, runId, ...(blessing ? { blessed: true } : {}) };
}
