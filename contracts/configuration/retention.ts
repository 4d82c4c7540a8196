/** How long what nights leave behind is kept, and things of people that nothing asks for any more. */
import { z } from 'zod';

const kept = (count: number, of: string, more: string) =>
  z.number().int().min(1).max(10_000).default(count).describe(`The last so many ${of} of each model stay${more}.`);

export const RetentionConfigSchema = z
  .object({
    snapshots: kept(14, 'snapshots', '; they share what has not changed'),
    models: kept(7, 'candidates', ', served or not, with the data from which they can be forked or blessed'),
    reports: kept(90, 'reports', ' with their pictures'),
    graceMinutes: z
      .number()
      .min(0)
      .max(7 * 24 * 60)
      .default(60)
      .describe('Nothing that was stored or used again in the last so many minutes is deleted.'),
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
  .describe(
    'The janitor deletes by itself. All that a release in service, the one before, a retained one or a run under way refers to stays, with any numbers.',
  );
export type RetentionConfig = z.infer<typeof RetentionConfigSchema>;
