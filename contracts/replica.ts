/** What a replica says of itself in its heartbeat, and the figures that a deployment is judged by. */
import { z } from 'zod';
import { TokenSchema, DigestSchema } from './references.ts';

export const LatencySchema = z.object({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() });
export type Latency = z.infer<typeof LatencySchema>;

/** How far the scores of `count` replies lie above the threshold (below: negative): their mean and standard deviation. */
export const ScoresSchema = z.object({ count: z.number().int(), mean: z.number(), deviation: z.number() });
export type Scores = z.infer<typeof ScoresSchema>;

/** What one replica counted of one release or canary. */
export const ReleaseFiguresSchema = z.object({
  requests: z.number(),
  failed: z.number(),
  latencyMs: LatencySchema.nullable(),
  /** Null before the first reply with a score. */
  scores: ScoresSchema.nullable(),
});
export type ReleaseFigures = z.infer<typeof ReleaseFiguresSchema>;

/** What was watched of a new release or a canary, over all replicas, beside what it was compared with. */
export const WindowFiguresSchema = z.object({
  requests: z.number(),
  failed: z.number(),
  medianMs: z.number().nullable(),
  baselineMedianMs: z.number().nullable(),
  scores: ScoresSchema.nullable(),
  baselineScores: ScoresSchema.nullable(),
  /** In standard deviations of the baseline's scores; null where either has none. */
  scoreShift: z.number().nullable(),
});
export type WindowFigures = z.infer<typeof WindowFiguresSchema>;

/** REPLICAS/<model>.<replicaId>: a heartbeat with a time to live. Its absence means the replica is gone. */
export const ReplicaStatusSchema = z.object({
  replicaId: TokenSchema,
  model: TokenSchema,
  startedAt: z.string(),
  /** Release in service on this replica; null while it serves nothing. */
  release: z.number().int().nullable(),
  modelDigest: DigestSchema.nullable(),
  /** Model digests that are loaded and warm. */
  resident: z.array(DigestSchema),
  /** The candidate's run, and what became of it here. */
  prepared: z.object({ runId: TokenSchema, modelDigest: DigestSchema, refused: z.string().nullable() }).nullable(),
  /** Figures of the release in service since it was switched to. */
  figures: ReleaseFiguresSchema,
  /** Figures of the release before it, as they stood at the switch: what the new one is compared with. */
  former: z.object({ release: z.number().int(), figures: ReleaseFiguresSchema }).nullable(),
  /** Figures of a candidate that answers a share of the requests. */
  canary: z.object({ runId: TokenSchema, figures: ReleaseFiguresSchema }).nullable(),
  /** True while requests that began on an earlier release are still to be answered. */
  draining: z.boolean(),
  /** Why it takes no requests although a release is in service, as `<CODE>: <message>`; null while it takes them. */
  outOfService: z.string().nullable(),
  /** Duration of the last swap in microseconds; null before the first. */
  swapUs: z.number().nullable(),
  /** Since the replica started: model hosts' processes that died or hung and were replaced, and images run again. */
  hosts: z.object({ replaced: z.number().int(), imagesRetried: z.number().int() }).optional(),
});
export type ReplicaStatus = z.infer<typeof ReplicaStatusSchema>;
