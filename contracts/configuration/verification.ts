/** The demands on a candidate, and the time that its verification may take. */
import { z } from 'zod';

/** A week: a timer of the process cannot be set for longer than 24 days, and fires at once instead. */
const VERIFY_SIDE_MS_LIMIT = 7 * 24 * 3600_000;
const sideMs = (fallback: number) => z.number().int().positive().max(VERIFY_SIDE_MS_LIMIT).default(fallback);

export const VerificationConfigSchema = z
  .object({
    gates: z
      .object({
        rank1Min: z
          .number()
          .min(0)
          .max(1)
          .default(0.8)
          .describe('Smallest share of probes whose nearest person in the gallery is the right one.'),
        rocAucMin: z.number().min(0).max(1).default(0.9).describe('Smallest area under the ROC curve of all pairs.'),
        rank1DropMax: z
          .number()
          .min(0)
          .max(1)
          .default(0.02)
          .describe("Largest drop of rank-1 below the champion's on the same probes."),
        latencyP99MsMax: z
          .number()
          .positive()
          .default(50)
          .describe('Largest 99th percentile of the time for one image, in milliseconds.'),
        imagesPerSecondMin: z
          .number()
          .min(0)
          .default(50)
          .describe('Smallest throughput with several requests at once.'),
      })
      .prefault({})
      .describe('A candidate that misses one of these is rejected, and the champion stays.'),
    accuracyMaxMs: sideMs(30 * 60_000).describe('Deadline of the accuracy side; both sides run at once.'),
    performanceMaxMs: sideMs(10 * 60_000).describe('Deadline of the performance side.'),
    performanceRequests: z
      .number()
      .int()
      .min(10)
      .default(200)
      .describe('Single images that are timed for the latency.'),
  })
  .describe('The demands on a candidate, and the time that its verification may take.');
export type VerificationConfig = z.infer<typeof VerificationConfigSchema>;
