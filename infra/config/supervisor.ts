/**
 * The section `supervisor` of the configuration: how `nightshift start` keeps the processes of its actors. cli/crew.ts and
 * cli/supervisor.ts obey it.
 */
import { z } from 'zod';
import { ACTORS } from '../../contracts/roles.ts';

export const SupervisorConfigSchema = z
  .strictObject({
    restartsMax: z
      .number()
      .int()
      .min(0)
      .max(1_000)
      .default(10)
      .describe(
        'How often in a row an actor is started again that ended unexpectedly; after a minute of work the count begins anew. One more end ends the system, with code 1.',
      ),
    memoryMaxMiB: z
      .partialRecord(z.enum(ACTORS), z.number().int().min(128))
      .default({})
      .describe(
        "Most memory that the process of an actor may take, by the actor's name; it is ended and started again if it wants more. Absent: what the machine has.",
      ),
  })
  .describe('The processes of the actors, under `nightshift start`.');
export type SupervisorConfig = z.infer<typeof SupervisorConfigSchema>;
