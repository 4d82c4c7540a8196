/**
 * The configuration of one model's pipeline: where its data comes from, how it is trained, what it must reach,
 * how it is put into service. A run keeps the copy with which it started, so editing the file changes later runs only.
 */
import { z } from 'zod';
import { SourceConfigSchema, SplitConfigSchema } from './data.ts';
import { DeploymentConfigSchema } from './deployment.ts';
import { ScheduleConfigSchema } from './schedule.ts';
import { TrainingConfigSchema } from './training.ts';
import { VerificationConfigSchema } from './verification.ts';
import { ImageSpecSchema } from '../dataset.ts';

/** Deadlines per stage. A passed deadline means "unknown": the worker is asked before anything is undone. */
export const TimeoutsConfigSchema = z.object({
  collectMs: z
    .number()
    .int()
    .positive()
    .default(4 * 3600_000),
  trainMs: z
    .number()
    .int()
    .positive()
    .default(4 * 3600_000),
  verifyMs: z.number().int().positive().default(3600_000),
  deployMs: z
    .number()
    .int()
    .positive()
    .default(5 * 60_000),
  /** How long a worker that was asked for its status, or told to stop, may stay silent. */
  answerMs: z.number().int().positive().default(15_000),
  /** A worker that shows no sign of life for this long is asked. Workers give one every 10 s. */
  heartbeatMs: z.number().int().positive().default(60_000),
});

/** Waits double from attempt to attempt up to the maximum; each is shortened by up to half, so that runs spread. */
export const RetryConfigSchema = z.object({
  /** Attempts per stage, the first included; and per step of a compensation. */
  attemptsMax: z.number().int().min(1).max(20).default(3),
  backoffMs: z.number().int().positive().default(5_000),
  backoffMaxMs: z
    .number()
    .int()
    .positive()
    .default(5 * 60_000),
});

export const PipelineConfigSchema = z.object({
  sources: z.array(SourceConfigSchema).min(1),
  image: ImageSpecSchema.prefault({}),
  split: SplitConfigSchema.prefault({ strategy: 'content-hash' }),
  training: TrainingConfigSchema.prefault({}),
  verification: VerificationConfigSchema.prefault({}),
  deployment: DeploymentConfigSchema.prefault({}),
  timeouts: TimeoutsConfigSchema.prefault({}),
  retry: RetryConfigSchema.prefault({}),
  /** When runs start by themselves; absent: only by command. */
  schedule: ScheduleConfigSchema.optional(),
});
export type PipelineConfig = z.infer<typeof PipelineConfigSchema>;
