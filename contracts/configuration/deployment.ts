/** How a candidate is put into service and watched. */
import { z } from 'zod';

/** A week of nights, with the two that are resident; each holds its model and gallery in the object store. */
export const RETAINED_RELEASES = 5;
/** A person's word before a candidate is deployed. */
export const ApprovalConfigSchema = z.object({
  required: z.boolean().default(false),
  timeoutMs: z
    .number()
    .int()
    .positive()
    .default(12 * 3600_000),
  /** What happens when nobody has said anything by then. */
  onTimeout: z.enum(['reject', 'approve']).default('reject'),
});

export const CanaryConfigSchema = z.object({
  /** Share of the requests that the candidate answers before it is committed. */
  share: z.number().positive().max(0.5).default(0.1),
  windowMs: z.number().int().min(0).default(60_000),
  /** Requests with the same value of this header go the same way; without it, requests with the same payload. */
  keyHeader: z.string().min(1).default('Nightshift-Key'),
});

export const DeploymentConfigSchema = z.object({
  /** `hot-swap`: all replicas switch at once; `canary`: the candidate answers a share of the requests first. */
  strategy: z.enum(['hot-swap', 'canary']).default('hot-swap'),
  canary: CanaryConfigSchema.prefault({}),
  /** Live replicas needed before a deployment goes on. */
  replicasMin: z.number().int().min(1).default(1),
  /** How long the new release is watched after the commit. */
  guardMs: z.number().int().min(0).default(60_000),
  /** Share of failed requests in the guard window that rolls back, once `guardRequestsMin` were answered. */
  guardErrorRateMax: z.number().min(0).max(1).default(0.01),
  guardRequestsMin: z.number().int().min(1).default(20),
  guardLatencyP99MsMax: z.number().positive().default(500),
  /** Largest factor by which the median latency may grow over the previous release's. */
  guardLatencyRatioMax: z.number().min(1).default(4),
  /** Largest shift of the mean score over the threshold, in standard deviations of the previous release's. */
  guardScoreShiftMax: z.number().positive().default(4),
  /** Replies with a score that each release must have given before their scores are compared. */
  guardScoresMin: z.number().int().min(2).default(100),
  /** Pairs older than the previous one that stay listed for a rollback by loading them anew. */
  retainedReleases: z.number().int().min(0).max(50).default(RETAINED_RELEASES),
  approval: ApprovalConfigSchema.prefault({}),
});
export type DeploymentConfig = z.infer<typeof DeploymentConfigSchema>;
