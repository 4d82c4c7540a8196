/** The course of a training and its learning curve. */
import { z } from 'zod';
import { TokenSchema } from './references.ts';

/** How people whom a head had not seen were recognised. */
const RecognisedSchema = z.object({
  /** Share of their probes that the own row accepts, at the score that accepts few others: `headChoice.far`. */
  tar: z.number(),
  /** Share whose best row is their own. */
  rank1: z.number(),
});

/** With `training.backbone.head` auto: whether the model has a head, and why. */
export const HeadChoiceSchema = z.object({
  chosen: z.enum(['trained', 'none']),
  /** One sentence. */
  reason: z.string(),
  /** People whom the head of the comparison did not learn, and their images that were searched. */
  people: z.number().int(),
  probes: z.number().int(),
  /** Share of comparisons with other people that is accepted. */
  far: z.number(),
  /** Null where nothing could be compared. */
  trained: RecognisedSchema.nullable(),
  none: RecognisedSchema.nullable(),
});
export type HeadChoice = z.infer<typeof HeadChoiceSchema>;

/** The course of a training, beyond its figures: how it ended, and what happened to it on the way. */
export const TrainingCourseSchema = z.object({
  /** `time`: the budget was used up. `early-stopping`: the validation figure no longer improved. */
  ended: z.enum(['epochs', 'time', 'early-stopping']),
  /** The pass whose weights the model has. */
  bestEpoch: z.number().int(),
  /** Whether the weights began as the champion's, and if not, why not. */
  warmStart: z.discriminatedUnion('type', [
    z.object({ type: z.literal('warm'), from: z.string(), peopleCarried: z.number(), peopleNew: z.number() }),
    z.object({ type: z.literal('scratch'), reason: z.string() }),
  ]),
  /** The training diverged once, and went on from its last good checkpoint at a lower rate. */
  retry: z
    .object({ divergedAtStep: z.number(), fromStep: z.number(), rateFactor: z.number(), reason: z.string() })
    .nullable(),
  head: HeadChoiceSchema.optional(),
});
export type TrainingCourse = z.infer<typeof TrainingCourseSchema>;

/** The figures of a training, pass by pass. */
export const LearningCurveSchema = z.object({
  runId: TokenSchema,
  model: TokenSchema,
  points: z.array(
    z.object({
      /** From 1. */
      epoch: z.number().int().positive(),
      /** Mean over the steps of the pass, in nats. */
      loss: z.number(),
      /** At its last step. */
      learningRate: z.number().nullish(),
      /** Share of validation images whose nearest person is right; null if there is no validation split. */
      validationRank1: z.number().nullable(),
      validationLoss: z.number().nullish(),
      /** Of the steps, without the validation: the one figure that differs from time to time. */
      imagesPerSecond: z.number().nullish(),
    }),
  ),
});
export type LearningCurve = z.infer<typeof LearningCurveSchema>;
export type CurvePoint = LearningCurve['points'][number];
