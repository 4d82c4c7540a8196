/** The decision that a door relies on: its promises about strangers, and the people who are held out to show them. */
import { z } from 'zod';

export const DecisionConfigSchema = z
  .object({
    identify: z
      .object({
        fpir: z
          .number()
          .positive()
          .max(0.5)
          .default(0.01)
          .describe(
            'Share of searches by strangers that may be answered `known` (FPIR). Sets the threshold of identify.',
          ),
        margin: z
          .number()
          .min(0)
          .max(1)
          .default(0.05)
          .describe('A face is known only if the second best person scores lower by so much, a cosine.'),
      })
      .prefault({})
      .describe('Whose face is it? The answer `known` or not.'),
    verify: z
      .object({
        far: z
          .number()
          .positive()
          .max(0.5)
          .default(0.001)
          .describe(
            'Share of comparisons of a stranger with one person that may match (FAR). Sets the threshold of verify.',
          ),
      })
      .prefault({})
      .describe('Is it the face of that person? The answer `match` or not.'),
    holdOut: z
      .object({
        share: z
          .number()
          .min(0)
          .max(0.5)
          .default(0.2)
          .describe(
            'Share of the people whom no training sees, the same every night. They play strangers and newcomers.',
          ),
        min: z
          .number()
          .int()
          .min(0)
          .default(10)
          .describe('Hold out so many people if the share gives fewer, but never more than a third.'),
      })
      .prefault({})
      .describe('People who are enrolled and whom no training sees (docs/data.md).'),
    inconclusive: z
      .enum(['serve-first', 'serve', 'reject'])
      .default('serve-first')
      .describe(
        'For a candidate whose promises the data can neither show nor refute. `serve-first`: the first release serves with ' +
          'a warning, a later one if it is no worse than the champion. `serve`: as a blessed one, with a warning. ' +
          '`reject`: the champion stays.',
      ),
  })
  .describe('The decision of a door: the promises about strangers, and the people who are held out to show them.');
export type DecisionConfig = z.infer<typeof DecisionConfigSchema>;
