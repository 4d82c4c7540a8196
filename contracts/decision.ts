/**
 * The decision that a release is served with: both thresholds, the promises they were set by, and how far the data shows
 * these. It travels inside the gallery; docs/decision.md explains it.
 */
import { z } from 'zod';

/** Whether a promise about strangers is kept, as services/decision/promise.ts judges it. Shares are 0..1. */
export const PromiseVerdictSchema = z.object({
  verdict: z.enum(['shown', 'inconclusive', 'broken']),
  /** Share of strangers' trials that were accepted. */
  share: z.number(),
  /** 95 % confidence for each side alone. */
  lower: z.number(),
  upper: z.number(),
  /** What so many trials could show at best. */
  best: z.number(),
  /** Strangers. */
  people: z.number().int(),
  trials: z.number().int(),
  sentence: z.string(),
});

export const DecisionSchema = z.object({
  identify: z
    .object({
      /** The promise; null for a release of before 0.3.0, whose one threshold promises nothing about strangers. */
      fpir: z.number().nullable(),
      /** Least distance of the second best person, a cosine. */
      margin: z.number(),
      /**
       * Numbers of people, ascending, and the threshold (a cosine, `>=`) for a gallery of so many. A number between two
       * has the threshold of the higher one, a number above the last that of the last.
       */
      people: z.array(z.number().int().positive()).min(1),
      thresholds: z.array(z.number()).min(1),
    })
    .refine(({ people, thresholds }) => people.length === thresholds.length, 'one threshold for each number of people'),
  verify: z.object({ far: z.number().nullable(), threshold: z.number() }),
  /** Said in status and in each reply while the promise is not shown; null if it is. */
  warning: z.string().nullable(),
});
export type Decision = z.infer<typeof DecisionSchema>;

/** How a release decides among the people who are enrolled at this moment; in status and in each reply of a decision. */
export const DecisionInForceSchema = z.object({
  identify: z.object({
    threshold: z.number().describe('a face is known from this cosine on'),
    margin: z.number().describe('and only if the second best person scores lower by so much'),
    fpir: z.number().nullable().describe("promised share of strangers' searches that are known; null: nothing is"),
  }),
  verify: z.object({
    threshold: z.number().describe('a face matches the claimed person from this cosine on'),
    far: z.number().nullable().describe("promised share of strangers' comparisons that match; null: nothing is"),
  }),
  people: z.number().int().describe('in the gallery now: the threshold of identify holds for so many'),
  warning: z.string().nullable().describe('why the promise is not shown, in words; null if it is'),
});
export type DecisionInForce = z.infer<typeof DecisionInForceSchema>;
