/**
 * CONFIG/<model>: what the pipeline of a model is, its schedule included, as an operator applied it. Each change is a
 * revision, numbered from 1 for each model; a model that was removed has one without a pipeline. Written by the orchestrator
 * alone. It has names where a definition is local (carried.ts), so that nothing runs and nothing is read because of it.
 */
import { z } from 'zod';
import { TokenSchema } from '../references.ts';
import type { CarriedPipeline } from './carried.ts';
import { CarriedPipelineSchema } from './carried-schemas.ts';
import { isObject } from './carriage-rule.ts';

export const ConfigDefinitionsSchema = z
  .record(z.string().min(1), z.string().regex(/^[0-9a-f]{12}$/, '12 hex digits'))
  .describe(
    'sources, programs and files that the applied file writes out, by their place in the pipeline: the beginning of the SHA-256 of each, without its secrets',
  );
export type ConfigDefinitions = z.infer<typeof ConfigDefinitionsSchema>;

/** The command that made a revision. */
export const CONFIG_VERBS = ['apply', 'rollback', 'remove'] as const;
export type ConfigVerb = (typeof CONFIG_VERBS)[number];

const AboutRevisionSchema = z.object({
  model: TokenSchema,
  revision: z.number().int().positive().describe('counted from 1 for each model'),
  at: z.string(),
  by: z.string().describe('who applied it: a person, a role, or `start` for the file of a server of its own'),
  verb: z.enum(CONFIG_VERBS).describe('the command that made it'),
  from: z.number().int().positive().nullable().describe('of a rollback: the revision that it brought back'),
  reason: z.string().nullable().describe('in words, as the sender gave it'),
});

export const ConfigRecordSchema = AboutRevisionSchema.extend({
  format: z.literal('nightshift.config/1'),
  commandId: z.string(),
  /** Null: the model was removed. */
  pipeline: CarriedPipelineSchema.nullable(),
  definitions: ConfigDefinitionsSchema,
});
export type ConfigRecord = z.infer<typeof ConfigRecordSchema>;

/** For those who only look up what they need in it: a setting of a newer version of Nightshift is none of theirs. */
export const SeenConfigSchema = z.object({
  format: z.literal('nightshift.config/1'),
  model: TokenSchema,
  revision: z.number().int().positive(),
  pipeline: z.custom<CarriedPipeline>(isObject, 'a pipeline').nullable(),
  definitions: ConfigDefinitionsSchema,
});
export type SeenConfig = z.infer<typeof SeenConfigSchema>;

/** A line of a model's history. */
export const ConfigRevisionSchema = AboutRevisionSchema.extend({
  removed: z.boolean().describe('whether the model has no pipeline since'),
});
export type ConfigRevision = z.infer<typeof ConfigRevisionSchema>;

/** One revision whole. */
export const ShownConfigSchema = ConfigRevisionSchema.extend({
  pipeline: CarriedPipelineSchema.nullable().describe('what is local stands there by its name; null if removed'),
  definitions: ConfigDefinitionsSchema,
});
export type ShownConfig = z.infer<typeof ShownConfigSchema>;

/** Data of `nightshift.evt.<stage>.held-back.<id>`. */
export const HeldBackSchema = z.object({
  actor: z.string(),
  host: z.string(),
  problems: z.array(z.string()).describe('each says what differs or is lacking, and where'),
});
export type HeldBack = z.infer<typeof HeldBackSchema>;
