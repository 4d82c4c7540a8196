/**
 * Schemas of what carried.ts lets travel: the settings of a pipeline, with names for all that is local. They refuse everything
 * else by its path, and what they answer has no default of a setting that is not carried.
 */
import { z } from 'zod';
import type { Rule } from './carriage-rule.ts';
import {
  CARRIAGE,
  type CarriedFaces,
  type CarriedPipeline,
  type CarriedTraining,
  type CarriedVerification,
} from './carried.ts';
import { refusedIn, type Refused } from './refused.ts';
import { carriedPart } from './separate.ts';
import { PipelineConfigSchema } from './pipeline.ts';

const TEXT: Readonly<Record<Refused['why'], string>> = {
  local: 'no message carries this; it stands in the file of the machine that uses it, and its name travels',
  unknown: 'there is no such setting',
};

/** `Carried` is what the table makes of the schema's output. */
const carried = <Carried>(schema: z.ZodType, rule: Rule): z.ZodType<Carried> =>
  z
    .preprocess((value, context) => {
      for (const { path, why } of refusedIn(value, rule)) {
        context.addIssue({ code: 'custom', path: path.split('.'), message: TEXT[why] });
      }
      return value;
    }, schema)
    .overwrite((value) => carriedPart(value, rule)) as z.ZodType<Carried>;

export const CarriedPipelineSchema = carried<CarriedPipeline>(PipelineConfigSchema, CARRIAGE);
export const CarriedTrainingSchema = carried<CarriedTraining>(PipelineConfigSchema.shape.training, CARRIAGE.training);
export const CarriedVerificationSchema = carried<CarriedVerification>(
  PipelineConfigSchema.shape.verification,
  CARRIAGE.verification,
);

const { noun, sources, strangers, image, faces, split, checks, decision } = CARRIAGE;
/** The settings that a collector reads. */
export const COLLECTED = { noun, sources, strangers, image, faces, split, checks, decision };
export type CollectedPipeline = Pick<CarriedPipeline, keyof typeof COLLECTED> & {
  readonly faces?: CarriedFaces | undefined;
};
const picked = {
  noun: true,
  sources: true,
  strangers: true,
  image: true,
  faces: true,
  split: true,
  checks: true,
  decision: true,
} as const;
export const CollectedPipelineSchema = carried<CollectedPipeline>(PipelineConfigSchema.pick(picked), COLLECTED);
