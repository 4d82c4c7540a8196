/** A name in place of a definition. The definition stands in the configuration file of the worker that needs it. */
import { z } from 'zod';

/** `pytorch` of the section `local`; `face.training.command` is what that model's pipeline has in that place of the file. */
const NAME = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,200}$/, 'letters, digits, "-", "_" and ".", at most 200')
  .describe('Name of a definition in the section `local` of the file of the machine that needs it.');
const VERSION = z
  .string()
  .max(64)
  .optional()
  .describe('Written by the orchestrator: a digest of its own definition, by which a night sees that it has changed.');

/** The two fields, for a schema that has others beside them. */
export const LOCAL_NAME = { local: NAME, version: VERSION };

export const LocalNameSchema = z.strictObject(LOCAL_NAME);
export type LocalName = z.infer<typeof LocalNameSchema>;
