/** A replica's heartbeat, in which it tells of itself, and the figures by which a deployment is judged. */
import { z } from 'zod';
import { DecisionInForceSchema } from './decision.ts';
import { TokenSchema, DigestSchema } from './references.ts';

export const LatencySchema = z.object({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() });
export type Latency = z.infer<typeof LatencySchema>;

/**
 * How far the scores of `count` replies lie above the threshold (below: negative): their mean and standard deviation.
 */
export const ScoresSchema = z.object({ count: z.number().int(), mean: z.number(), deviation: z.number() });
export type Scores = z.infer<typeof ScoresSchema>;

/** Upper bounds of the classes in which answers are counted by their latency; a class more holds all that took longer. */
export const LATENCY_BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000] as const;

/** How faces were decided on. */
export const DecisionCountsSchema = z.object({
  known: z.number().int(),
  unknown: z.number().int(),
  matched: z.number().int().describe('verify: the face is that of the claimed person'),
  wrongClaims: z.number().int().describe('verify: it is not'),
});
export type DecisionCounts = z.infer<typeof DecisionCountsSchema>;

/** Counted by one replica, of one release or canary. */
export const ReleaseFiguresSchema = z.object({
  requests: z.number(),
  failed: z.number(),
  latencyMs: LatencySchema.nullable(),
  scores: ScoresSchema.nullable().describe('null before the first reply with a score'),
  latencyCounts: z
    .array(z.number().int())
    .optional()
    .describe(
      `answers by latency, each in the first class whose bound it keeps: ${LATENCY_BOUNDS_MS.join(', ')} ms, and longer; absent before 0.6.0`,
    ),
  latencySumMs: z.number().optional().describe('of all answers; absent before 0.6.0'),
  decisions: DecisionCountsSchema.optional().describe('absent before 0.6.0'),
});
export type ReleaseFigures = z.infer<typeof ReleaseFiguresSchema>;

/** Figures of a new release or a canary over all replicas, beside those that they were compared with. */
export const WindowFiguresSchema = z.object({
  requests: z.number(),
  failed: z.number(),
  medianMs: z.number().nullable(),
  baselineMedianMs: z.number().nullable(),
  scores: ScoresSchema.nullable(),
  baselineScores: ScoresSchema.nullable(),
  scoreShift: z
    .number()
    .nullable()
    .describe("in standard deviations of the baseline's scores; null if either has none"),
});
export type WindowFigures = z.infer<typeof WindowFiguresSchema>;

/** REPLICAS/<model>.<replicaId>: a heartbeat with a time to live. Its absence means the replica is gone. */
export const ReplicaStatusSchema = z.object({
  replicaId: TokenSchema,
  model: TokenSchema,
  startedAt: z.string(),
  version: z.string().optional().describe('version of Nightshift that it runs; absent before 0.5.0'),
  release: z.number().int().nullable().describe('release in service on this replica; null while it serves nothing'),
  modelDigest: DigestSchema.nullable(),
  decision: DecisionInForceSchema.nullable()
    .default(null)
    .describe('how the release in service decides among the people enrolled now; null while it serves nothing'),
  resident: z.array(DigestSchema).describe('model digests that are loaded and warm'),
  prepared: z
    .object({ runId: TokenSchema, modelDigest: DigestSchema, refused: z.string().nullable() })
    .nullable()
    .describe("the candidate's run, and what became of it here"),
  figures: ReleaseFiguresSchema.describe('figures of the release in service since it was switched to'),
  former: z
    .object({ release: z.number().int(), figures: ReleaseFiguresSchema })
    .nullable()
    .describe('figures of the release before it, as they stood at the switch: what the new one is compared with'),
  canary: z
    .object({ runId: TokenSchema, figures: ReleaseFiguresSchema })
    .nullable()
    .describe('figures of a candidate that answers a share of the requests'),
  draining: z.boolean().describe('true while requests that began on an earlier release are still to be answered'),
  outOfService: z
    .string()
    .nullable()
    .describe(
      'why it takes no requests although a release is in service, as `<CODE>: <message>`; null while it takes them',
    ),
  alarm: z
    .string()
    .nullable()
    .default(null)
    .describe('why it refuses a deployment record or a pair, as `<CODE>: <message>`; null while all is in order'),
  load: z
    .object({
      waiting: z.number().int().describe('requests that wait or run'),
      runs: z.number().int().describe('runs of the model in service since it was loaded'),
      images: z.number().int().describe('images in them'),
    })
    .optional()
    .describe('of the model host in service; absent while nothing is served, and before 0.6.0'),
  swapUs: z.number().nullable().describe('duration of the last swap in microseconds; null before the first'),
  hosts: z
    .object({ replaced: z.number().int(), imagesRetried: z.number().int() })
    .optional()
    .describe(
      "since the replica started: model hosts' processes that died or hung and were replaced, and images run again",
    ),
});
export type ReplicaStatus = z.infer<typeof ReplicaStatusSchema>;
