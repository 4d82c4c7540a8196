/**
 * The configuration of one model's pipeline: where its data comes from, how it is trained, what it must reach,
 * how it is put into service. A run keeps a copy with which it started, so applying another (record.ts) changes later runs only; what
 * is local (carried.ts) is in that copy by its name.
 */
import { z } from 'zod';
import { ChecksConfigSchema } from './checks.ts';
import { SplitConfigSchema, WrittenSourceSchema } from './data.ts';
import { DecisionConfigSchema } from './decision.ts';
import { WrittenDeploymentSchema } from './deployment.ts';
import { WrittenFacesSchema } from './faces.ts';
import { NounSchema } from './noun.ts';
import { ScheduleConfigSchema } from './schedule.ts';
import { WrittenTrainingSchema } from './training.ts';
import { VerificationConfigSchema } from './verification.ts';
import { ImageSpecSchema } from '../dataset.ts';

const durationMs = (fallback: number) => z.number().int().positive().default(fallback);
const HOUR_MS = 3600_000;
const MINUTE_MS = 60_000;

export const TimeoutsConfigSchema = z
  .object({
    collectMs: durationMs(4 * HOUR_MS).describe('Deadline of the stage collect.'),
    trainMs: durationMs(4 * HOUR_MS).describe('Deadline of the stage train.'),
    verifyMs: durationMs(HOUR_MS).describe('Deadline of the stage verify.'),
    deployMs: durationMs(5 * MINUTE_MS).describe('Deadline of each phase of the stage deploy.'),
    answerMs: durationMs(15_000).describe(
      'How long a worker that was asked for its status, or told to stop, may stay silent.',
    ),
    heartbeatMs: durationMs(MINUTE_MS).describe(
      'A worker without a sign of life for so long is asked. Workers give one every 10 s.',
    ),
  })
  .describe('A passed deadline means "unknown": the worker is asked before anything is undone.');

export const RetryConfigSchema = z
  .object({
    attemptsMax: z
      .number()
      .int()
      .min(1)
      .max(20)
      .default(3)
      .describe('Attempts per stage, the first included, and per step of a compensation.'),
    backoffMs: durationMs(5_000).describe('The wait before the second attempt.'),
    backoffMaxMs: durationMs(5 * MINUTE_MS).describe('The longest wait.'),
  })
  .describe(
    'Waits double from attempt to attempt up to the longest; each is shortened by up to half, so that runs spread.',
  );

export const PipelineConfigSchema = z
  .object({
    noun: NounSchema.prefault({}),
    sources: z.array(WrittenSourceSchema).min(1).describe('Sources that are collected at once, in one snapshot.'),
    strangers: z
      .array(WrittenSourceSchema)
      .default([])
      .describe('Sources with images of people who are never enrolled: the thresholds are set and shown by them.'),
    image: ImageSpecSchema.prefault({}),
    faces: WrittenFacesSchema.optional(),
    split: SplitConfigSchema.prefault({ strategy: 'content-hash' }).describe(
      'Which samples train, which are watched during training, and which judge.',
    ),
    checks: ChecksConfigSchema.prefault({}),
    training: WrittenTrainingSchema.prefault({}),
    decision: DecisionConfigSchema.prefault({}),
    verification: VerificationConfigSchema.prefault({}),
    deployment: WrittenDeploymentSchema.prefault({}),
    timeouts: TimeoutsConfigSchema.prefault({}),
    retry: RetryConfigSchema.prefault({}),
    schedule: ScheduleConfigSchema.optional(),
  })
  .describe('The pipeline of one model. A run keeps the copy with which it started.');
export type PipelineConfig = z.infer<typeof PipelineConfigSchema>;
