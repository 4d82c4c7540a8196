/** Where a pipeline's data comes from and how it is split. */
import { z } from 'zod';
import { SecretSchema, TextOrSecretSchema } from '../secret.ts';
import { OwnModuleSchema } from './own-module.ts';

const NAME = z.string().min(1).describe('Names the source in snapshots, logs and errors.');
const hasLogin = (url: string) => URL.canParse(url) && new URL(url).username + new URL(url).password !== '';

export const SourceConfigSchema = z
  .discriminatedUnion('type', [
    z.object({
      type: z.literal('http').describe('A data service: pages of samples over HTTP.'),
      name: NAME,
      url: z
        .url()
        .refine((url) => !hasLogin(url), 'no user or password stands in an address; write `bearer` or `headers`')
        .describe('Answers `GET <url>?limit=50&cursor=...` with a page of samples.'),
      bearer: SecretSchema.optional().describe('A token, sent as `Authorization: Bearer <token>`.'),
      headers: z
        .record(z.string().regex(/^[A-Za-z0-9-]+$/, 'the name of a header'), TextOrSecretSchema)
        .optional()
        .describe('Headers of each request.'),
      query: z
        .record(z.string().min(1), TextOrSecretSchema)
        .optional()
        .describe('Parameters that are added to the address, for services that want a token there.'),
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

const LocalSourceSchema = z.strictObject({
  type: z.literal('local').describe("A source of that name in the collector's own file."),
  name: NAME,
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
