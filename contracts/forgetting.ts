/**
 * The forgetting of a person: the operator's command, what the janitor answers, and what the bucket FORGOTTEN keeps. No
 * message and no record of it carries a name: a person is a salted hash of one (services/forgetting/name.ts).
 */
import { z } from 'zod';
import { BlobRefSchema } from './references.ts';

export const PersonHashSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, '64 hex digits')
  .describe('SHA-256 of the salt of this installation and the name; `nightshift forget` makes it');

export const FORGET_MODES = ['forget', 'look', 'readmit'] as const;
/** Data of `nightshift.ctl.person.forget`. */
export const ForgetDataSchema = z.object({
  person: PersonHashSchema,
  mode: z
    .enum(FORGET_MODES)
    .default('forget')
    .describe('`look` changes nothing; `readmit` lets a forgotten person be collected again'),
  block: z.boolean().default(true).describe('later nights leave the person out, also if a source still lists them'),
});
/** Data of `nightshift.cmd.janitor.forget.<id>`. */
export const JanitorCommandSchema = ForgetDataSchema.extend({ id: z.string() });
export type JanitorCommand = z.infer<typeof JanitorCommandSchema>;

/** One place that was looked through. */
export const ForgetRowSchema = z.object({
  place: z.string().describe('a stream, a bucket, or the caches of a worker'),
  what: z.string().describe('the kind of thing'),
  looked: z.number().int().describe('things looked at'),
  changed: z.number().int().describe('things that were written anew without the person'),
  removed: z.number().int().describe('things that are gone'),
  left: z.number().int().describe('things that still name the person; `remarks` say why'),
});
export type ForgetRow = z.infer<typeof ForgetRowSchema>;

/** Data of `nightshift.evt.janitor.completed.<id>`. */
export const ForgetReportSchema = z.object({
  id: z.string(),
  person: PersonHashSchema,
  mode: z.enum(FORGET_MODES),
  found: z.boolean().describe('whether anything of the person was there'),
  rows: z.array(ForgetRowSchema),
  sources: z.array(z.string()).describe('sources of which a stored snapshot has the person'),
  remarks: z.array(z.string()),
});
export type ForgetReport = z.infer<typeof ForgetReportSchema>;

/** Data of `nightshift.evt.janitor.progressed.<id>`. */
export const ForgetProgressSchema = z.object({ id: z.string(), place: z.string(), looked: z.number().int() });

/** Data of `nightshift.evt.janitor.caches.<id>`. `pixels`: SHA-256 of decoded images, 32 bytes each. */
export const CachesCommandSchema = z.object({
  id: z.string(),
  pixels: BlobRefSchema,
  person: PersonHashSchema.optional(),
  isDry: z.boolean(),
});
export type CachesCommand = z.infer<typeof CachesCommandSchema>;
/** Data of `nightshift.evt.<stage>.swept.<id>`. */
export const CachesSweptSchema = z.object({
  id: z.string(),
  files: z.number().int(),
  changed: z.number().int(),
  removed: z.number().int().describe('features of images; of the collector, answers of sources'),
});

/** FORGOTTEN/person.<hash>: since when they are left out of nights. */
export const ForgottenPersonSchema = z.object({ since: z.string() });
