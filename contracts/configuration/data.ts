/** Where a pipeline's data comes from and how it is split. */
import { z } from 'zod';
import { OwnModuleSchema } from './own-module.ts';

const NAME = z.string().min(1).describe('Names the source in snapshots, logs and errors.');

export const SourceConfigSchema = z
  .discriminatedUnion('type', [
    z.object({
      type: z.literal('http').describe('A data service: pages of samples over HTTP.'),
      name: NAME,
      url: z.url().describe('Answers `GET <url>?limit=50&cursor=...` with a page of samples.'),
      pageSize: z.number().int().min(1).max(1000).default(50).describe('Samples that are asked for at once.'),
      timeoutMs: z.number().int().min(100).default(10_000).describe('The longest wait for a page.'),
    }),
    z.object({
      type: z.literal('directory').describe('A folder on the machine of the collector.'),
      name: NAME,
      path: z.string().min(1).describe('A folder with one folder per person, and images inside.'),
    }),
    OwnModuleSchema.extend({ type: z.literal('module').describe('A source of your own.'), name: NAME }),
  ])
  .describe('A place that images of people are collected from.');
export type SourceConfig = z.infer<typeof SourceConfigSchema>;

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
