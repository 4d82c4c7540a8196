/** The demands on a candidate, and the time that its verification may take. */
import { z } from 'zod';

/** A week: a timer of the process cannot be set for longer than 24 days, and fires at once instead. */
const VERIFY_SIDE_MS_LIMIT = 7 * 24 * 3600_000;
const share = (fallback: number) => z.number().min(0).max(1).default(fallback);
const sideMs = (fallback: number) => z.number().int().positive().max(VERIFY_SIDE_MS_LIMIT).default(fallback);

export const VerificationConfigSchema = z
  .object({
    gates: z
      .object({
        rank1Min: share(0.8).describe(
          'Smallest share of probes whose nearest person is the right one, each person counting once.',
        ),
        worstTenthMin: share(0).describe('The same for the tenth of the people who fare worst.'),
        wrongNameMax: share(0.02).describe("Largest share of probes that are answered with somebody else's name."),
        fnirMax: share(1).describe('Largest share of probes that are not answered with the own name.'),
        rocAucMin: share(0.9).describe('Smallest area under the ROC curve of all pairs.'),
        rank1DropMax: share(0.02).describe(
          "Largest drop of rank-1 below the champion's on the same probes, each person counting once.",
        ),
        fnirRiseMax: share(0.05).describe(
          "Largest rise of the share not answered with the own name above the champion's, if the data shows a rise.",
        ),
        namesLostMax: share(0.02).describe(
          'Largest share of the probes that the champion answers rightly and the candidate with another name.',
        ),
        tarDropMax: share(0.05).describe("Largest drop of verify's true accept rate below the champion's."),
        sliceDropMax: share(0.1).describe(
          "Largest drop of rank-1 below the champion's for a source, a tag or the newcomers, if the data shows a drop.",
        ),
        bestDropMax: share(0.03).describe(
          'Largest drop of rank-1 below the best of the last 30 releases, so that small losses cannot add up.',
        ),
        thresholdJumpMax: z
          .number()
          .min(0)
          .max(2)
          .default(0.1)
          .describe(
            "Largest distance between the champion's threshold of identify by tonight's strangers and the one that it was " +
              'released with, a cosine: beyond it the strangers are others than they were. So far below what enrolled people ' +
              'would give is allowed as well.',
          ),
        galleryShrinkMax: share(0.1).describe(
          'Largest share of the enrolled people who may be gone since the last release.',
        ),
        latencyP99MsMax: z
          .number()
          .positive()
          .default(1_000)
          .describe('Largest 99th percentile of the time for one image, in milliseconds.'),
        imagesPerSecondMin: z.number().min(0).default(5).describe('Smallest throughput with several requests at once.'),
        slowdownMax: z
          .number()
          .positive()
          .default(20)
          .describe("Largest median time for one image as a multiple of the champion's, measured in turn with it."),
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
    featuresDir: z
      .string()
      .min(1)
      .nullable()
      .default('.nightshift/features')
      .describe(
        'Folder for the features of images under a frozen backbone, the one of `training.backbone.cacheDir` if both run ' +
          'on one machine. Null: every image runs through the whole model.',
      ),
  })
  .describe('The demands on a candidate, and the time that its verification may take.');
export type VerificationConfig = z.infer<typeof VerificationConfigSchema>;
