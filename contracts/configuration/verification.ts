/** What a candidate must reach, and how long its verification may take. */
import { z } from 'zod';

/** A week: a timer of the process cannot be set for longer than 24 days, and fires at once instead. */
const VERIFY_SIDE_MS_LIMIT = 7 * 24 * 3600_000;

export const VerificationConfigSchema = z.object({
  gates: z
    .object({
      rank1Min: z.number().min(0).max(1).default(0.8),
      rocAucMin: z.number().min(0).max(1).default(0.9),
      /** Largest drop of rank-1 below the champion's on the same probes. */
      rank1DropMax: z.number().min(0).max(1).default(0.02),
      latencyP99MsMax: z.number().positive().default(50),
      imagesPerSecondMin: z.number().min(0).default(50),
    })
    .prefault({}),
  /** Deadlines of the two sides, which run at once; the whole stage has `timeouts.verifyMs`. */
  accuracyMaxMs: z
    .number()
    .int()
    .positive()
    .max(VERIFY_SIDE_MS_LIMIT)
    .default(30 * 60_000),
  performanceMaxMs: z
    .number()
    .int()
    .positive()
    .max(VERIFY_SIDE_MS_LIMIT)
    .default(10 * 60_000),
  /** Single-image requests timed for the latency figures. */
  performanceRequests: z.number().int().min(10).default(200),
});
export type VerificationConfig = z.infer<typeof VerificationConfigSchema>;
