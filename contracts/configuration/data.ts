/** Where a pipeline's data comes from and how it is split. */
import { z } from 'zod';

export const SourceConfigSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('http'),
    name: z.string().min(1),
    /** Answers GET <url>?cursor=&limit= with a page: see services/data/http-source.ts. */
    url: z.url(),
    pageSize: z.number().int().min(1).max(1000).default(50),
    timeoutMs: z.number().int().min(100).default(10_000),
  }),
  z.object({
    type: z.literal('directory'),
    name: z.string().min(1),
    /** One folder per person, images inside. */
    path: z.string().min(1),
  }),
]);
export type SourceConfig = z.infer<typeof SourceConfigSchema>;

export const SplitConfigSchema = z.discriminatedUnion('strategy', [
  /** By the hash of the image, so a sample keeps its split from night to night. Shares of all samples, 0..1. */
  z.object({
    strategy: z.literal('content-hash'),
    validation: z.number().min(0).max(0.5).default(0.1),
    probe: z.number().min(0).max(0.5).default(0.2),
  }),
  /** The first `train` images of each person (by id, numerically) train, the rest are probes: benchmark protocols. */
  z.object({ strategy: z.literal('first-n'), train: z.number().int().min(1) }),
]);
export type SplitConfig = z.infer<typeof SplitConfigSchema>;
