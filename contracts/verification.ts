/** The verifier's figures of a candidate, and its report. */
import { z } from 'zod';
import { TokenSchema, DigestSchema } from './references.ts';
import { LatencySchema } from './replica.ts';

/** Figures of one model on the snapshot's probes. Shares are 0..1. */
export const AccuracySchema = z.object({
  rank1: z.number(),
  rocAuc: z.number(),
  /** True accept rate at a false accept rate of 1 %. */
  tarAtFar1e2: z.number(),
  /** Cosine score from which two images count as the same person, at the false accept rate above. */
  threshold: z.number(),
  probes: z.number().int(),
  galleryPeople: z.number().int(),
});
export type Accuracy = z.infer<typeof AccuracySchema>;

export const PerformanceSchema = z.object({
  latencyMs: LatencySchema,
  imagesPerSecond: z.number(),
  requests: z.number().int(),
});
export type Performance = z.infer<typeof PerformanceSchema>;

export const GateSchema = z.object({
  name: z.string(),
  /** Measured and required; `passed`: whether the one satisfies the other. */
  value: z.number(),
  limit: z.number(),
  passed: z.boolean(),
  message: z.string(),
});
export type Gate = z.infer<typeof GateSchema>;

export const VerificationReportSchema = z.object({
  format: z.literal('nightshift.verification/1'),
  runId: TokenSchema,
  model: TokenSchema,
  candidate: z.object({ digest: DigestSchema, accuracy: AccuracySchema, performance: PerformanceSchema }),
  champion: z.object({ digest: DigestSchema, accuracy: AccuracySchema }).nullable(),
  gates: z.array(GateSchema),
  verdict: z.enum(['passed', 'rejected']),
  durationMs: z.object({ accuracy: z.number(), performance: z.number(), total: z.number() }),
});
export type VerificationReport = z.infer<typeof VerificationReportSchema>;
