/** A strategy of one's own: an ES module that the configuration names. docs/strategies.md says how one is written. */
import { z } from 'zod';

/** It exports `createStrategy(options)`. */
export const OwnModuleSchema = z.strictObject({
  module: z
    .string()
    .min(1)
    .describe('The file of an ES module of your own; a path in a configuration file is relative to that file.'),
  options: z.record(z.string(), z.unknown()).default({}).describe('Handed to its `createStrategy` as they are.'),
});
export type OwnModule = z.infer<typeof OwnModuleSchema>;
