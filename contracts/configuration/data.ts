/** Where a pipeline's data comes from and how it is split. */
import { z } from 'zod';
import { SOURCE_SCHEMAS } from './sources.ts';

export const SourceConfigSchema = z
  .discriminatedUnion('type', [...SOURCE_SCHEMAS])
  .describe('A place that images of people are collected from.');
export type SourceConfig = z.infer<typeof SourceConfigSchema>;

const LocalSourceSchema = z.strictObject({
  type: z.literal('local').describe("A source of that name in the collector's own file."),
  name: z.string().min(1).describe('Names the source in snapshots, logs and errors.'),
});
export type LocalSource = z.infer<typeof LocalSourceSchema>;

/** As a pipeline has it: written out, or by its name. */
export const WrittenSourceSchema = z
  .discriminatedUnion('type', [...SourceConfigSchema.options, LocalSourceSchema])
  .describe('A place that images of people are collected from.');
export type WrittenSource = z.infer<typeof WrittenSourceSchema>;

const share = (fallback: number) => z.number().min(0).max(0.5).default(fallback);

export const SplitConfigSchema = z.discriminatedUnion('strategy', [
  z.object({
    strategy: z
      .literal('content-hash')
      .describe(
        'By the hash of the image: a sample keeps its split from night to night. A person of three images has a probe, ' +
          'and what was learned is none (docs/data.md).',
      ),
    validation: share(0.1).describe('Share of the samples of people who are learned that is watched during training.'),
    probe: share(0.2).describe('Share of all samples that judges the candidate; 0: none does.'),
  }),
  z.object({
    strategy: z
      .literal('first-n')
      .describe('By the order of the source: a protocol of benchmarks. All that do not train are probes.'),
    train: z
      .number()
      .int()
      .min(1)
      .describe('So many images of each person train, the first of the source; of people held out they are enrolled.'),
  }),
]);
export type SplitConfig = z.infer<typeof SplitConfigSchema>;
