/** How a candidate is put into service and watched. */
import { z } from 'zod';
import { LocalNameSchema } from './local-name.ts';
import { OwnModuleSchema } from './own-module.ts';

/** A week of nights, with the two that are resident; each holds its model and gallery in the object store. */
export const RETAINED_RELEASES = 5;

export const ApprovalConfigSchema = z
  .object({
    required: z.boolean().default(false).describe('A verified candidate waits until a person approves or rejects it.'),
    timeoutMs: z
      .number()
      .int()
      .positive()
      .default(12 * 3600_000)
      .describe('The longest wait for that person.'),
    onTimeout: z.enum(['reject', 'approve']).default('reject').describe('The answer that silence counts as.'),
  })
  .describe("A person's word before a candidate is deployed.");

export const CanaryConfigSchema = z
  .object({
    share: z
      .number()
      .positive()
      .max(0.5)
      .default(0.1)
      .describe('Share of the requests that the candidate answers before it is committed.'),
    windowMs: z.number().int().min(0).default(60_000).describe('How long it answers them.'),
    keyHeader: z
      .string()
      .min(1)
      .default('Nightshift-Key')
      .describe(
        'Requests with the same value of this header go the same way; without it, requests with the same payload.',
      ),
  })
  .describe('For the strategy `canary`.');

export const DeploymentConfigSchema = z
  .object({
    strategy: z
      .union([z.enum(['hot-swap', 'canary']), OwnModuleSchema])
      .default('hot-swap')
      .describe(
        '`hot-swap`: all replicas switch at once. `canary`: the candidate answers a share of the requests first. A ' +
          'module of your own, `{"module": "./my-strategy.mjs"}`, is asked as `hot-swap` is.',
      ),
    canary: CanaryConfigSchema.prefault({}),
    replicasMin: z.number().int().min(1).default(1).describe('Live replicas needed before a deployment goes on.'),
    guardMs: z.number().int().min(0).default(60_000).describe('How long the new release is watched after the commit.'),
    guardRequestsMin: z
      .number()
      .int()
      .min(1)
      .default(20)
      .describe('Requests that must have been answered before any limit can be breached.'),
    guardErrorRateMax: z
      .number()
      .min(0)
      .max(1)
      .default(0.01)
      .describe("Largest share of failed requests; clients' own mistakes do not count."),
    guardLatencyP99MsMax: z
      .number()
      .positive()
      .default(500)
      .describe("Largest 99th percentile of a replica's latency, in milliseconds."),
    guardLatencyRatioMax: z
      .number()
      .min(1)
      .default(4)
      .describe(
        "Largest factor of the median latency over the previous release's, of which less than 10 ms counts as 10 ms.",
      ),
    guardScoreShiftMax: z
      .number()
      .positive()
      .default(4)
      .describe(
        "Largest shift of the mean score over the threshold, either way, in standard deviations of the previous release's.",
      ),
    guardScoresMin: z
      .number()
      .int()
      .min(2)
      .default(100)
      .describe('Scores that each of the two must have given before their scores are compared.'),
    retainedReleases: z
      .number()
      .int()
      .min(0)
      .max(50)
      .default(RETAINED_RELEASES)
      .describe('Pairs older than the previous one that can be rolled back to by loading them anew.'),
    approval: ApprovalConfigSchema.prefault({}),
  })
  .describe('How a candidate is put into service, and when it is taken out again by itself.');
export type DeploymentConfig = z.infer<typeof DeploymentConfigSchema>;

/** As a pipeline has it: a module may be named. */
export const WrittenDeploymentSchema = DeploymentConfigSchema.extend({
  strategy: DeploymentConfigSchema.shape.strategy
    .unwrap()
    .or(LocalNameSchema)
    .default('hot-swap')
    .describe(`${DeploymentConfigSchema.shape.strategy.description} Or its name in \`local.modules\`.`),
}).describe(DeploymentConfigSchema.description!); // It has one.
