/** How long things of people are kept that nothing asks for any more. */
import { z } from 'zod';

export const RetentionConfigSchema = z
  .object({
    absentDays: z
      .number()
      .min(0)
      .max(3650)
      .nullable()
      .default(null)
      .describe(
        'A person whom no source has listed in any night for so many days is forgotten after the next one. `null`: nobody is, because it cannot be undone.',
      ),
  })
  .describe('People whom the janitor forgets by itself.');
