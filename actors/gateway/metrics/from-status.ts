/**
 * Metrics of the state, from the orchestrator's answer: releases, replicas and what these count in their heartbeats. Counts
 * of a replica grow until it ends; here they go on growing after that, as a scrape expects.
 */
import type { ModelStatus, RunSummary, ScheduleStatus } from '../../../contracts/api.ts';
import {
  LATENCY_BOUNDS_MS,
  type DecisionCounts,
  type ReleaseFigures,
  type ReplicaStatus,
} from '../../../contracts/replica.ts';
import type { MetricName } from './definitions.ts';
import type { Metrics } from './registry.ts';

/** Of each model: more of them cost a scrape more than they tell. */
const RELEASES_KEPT = 4;
const BOUNDS_S = LATENCY_BOUNDS_MS.map((ms) => ms / 1000);
const STRANGER_WINDOW_MS = 300_000;

const OF_STATE: readonly MetricName[] = [
  'nightshift_run_state',
  'nightshift_run_state_since_timestamp_seconds',
  'nightshift_outbox_age_seconds',
  'nightshift_release',
  'nightshift_release_committed_timestamp_seconds',
  'nightshift_replicas',
  'nightshift_replicas_stale',
  'nightshift_replicas_out_of_service',
  'nightshift_alarms',
  'nightshift_inference_queue_depth',
  'nightshift_stranger_ratio',
];

interface Counted {
  readonly requests: number;
  readonly failed: number;
  readonly latencyCounts: readonly number[];
  readonly latencySumMs: number;
  readonly decisions: DecisionCounts;
}
const NOTHING: Counted = {
  ...{ requests: 0, failed: 0, latencyCounts: BOUNDS_S.map(() => 0).concat(0), latencySumMs: 0 },
  decisions: { known: 0, unknown: 0, matched: 0, wrongClaims: 0 },
};
type Load = NonNullable<ReplicaStatus['load']>;

/** Identified so far, at a moment. */
interface Mark {
  readonly atMs: number;
  readonly known: number;
  readonly unknown: number;
}

export class StatusMetrics {
  readonly #metrics: Metrics;
  /** Replica and release -> as it was counted last. */
  readonly #counted = new Map<string, Counted>();
  readonly #loads = new Map<string, Load & { readonly modelDigest: string | null }>();
  readonly #releases = new Map<string, number[]>();
  readonly #identified = new Map<string, { known: number; unknown: number; marks: Mark[] }>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  take(models: readonly ModelStatus[], nowMs: number): void {
    for (const name of OF_STATE) this.#metrics.clear(name);
    const living = new Set(models.flatMap(({ replicas }) => replicas.map(({ replicaId }) => replicaId)));
    for (const status of models) this.#takeModel(status, nowMs);
    // The counts of those that are gone stay counted.
    for (const key of this.#counted.keys()) if (!living.has(key.split(' ')[0]!)) this.#counted.delete(key);
    for (const key of this.#loads.keys()) if (!living.has(key)) this.#loads.delete(key);
  }

  /** Newest first. */
  takeRuns(runs: readonly RunSummary[]): void {
    for (const { model, startedAt } of runs.toReversed())
      this.#set('nightshift_run_started_timestamp_seconds', model, Date.parse(startedAt) / 1000);
  }

  takeSchedules(schedules: readonly ScheduleStatus[]): void {
    for (const name of ['nightshift_schedule_next_timestamp_seconds', 'nightshift_schedule_paused'] as const)
      this.#metrics.clear(name);
    for (const { model, config, paused, upcoming } of schedules) {
      if (config === null) continue;
      this.#metrics.set('nightshift_schedule_paused', { model }, paused === null ? 0 : 1);
      const [next] = upcoming;
      if (next !== undefined) this.#set('nightshift_schedule_next_timestamp_seconds', model, Date.parse(next) / 1000);
    }
  }

  #set = (name: MetricName, model: string, value: number) => this.#metrics.set(name, { model }, value);

  #takeModel(status: ModelStatus, nowMs: number): void {
    const { model, deployment, replicas, activeRun, outboxAgeMs, alarms } = status;
    const current = deployment?.current ?? null;
    this.#set('nightshift_outbox_age_seconds', model, outboxAgeMs / 1000);
    this.#set('nightshift_alarms', model, alarms.length);
    this.#set('nightshift_release', model, current?.release ?? 0);
    if (current) {
      this.#set('nightshift_release_committed_timestamp_seconds', model, Date.parse(current.committedAt) / 1000);
    }
    if (activeRun) {
      const [state = ''] = activeRun.state.split('.');
      this.#metrics.set('nightshift_run_state', { model, state }, 1);
      this.#set('nightshift_run_state_since_timestamp_seconds', model, Date.parse(activeRun.updatedAt) / 1000);
    }
    const isStale = ({ release }: ReplicaStatus) => current !== null && release !== null && release < current.release;
    this.#set('nightshift_replicas_stale', model, replicas.filter(isStale).length);
    const out = replicas.filter(({ outOfService }) => outOfService !== null);
    this.#set('nightshift_replicas_out_of_service', model, out.length);
    const waiting = replicas.reduce((sum, { load }) => sum + (load?.waiting ?? 0), 0);
    this.#set('nightshift_inference_queue_depth', model, waiting);
    for (const [release, count] of countBy(replicas, ({ release }) => String(release ?? 'none')))
      this.#metrics.set('nightshift_replicas', { model, release }, count);
    for (const replica of replicas) this.#takeReplica(model, replica);
    this.#strangers(model, nowMs);
  }

  #takeReplica(model: string, { replicaId, release, figures, former, load, modelDigest }: ReplicaStatus): void {
    if (former) this.#takeFigures(model, replicaId, former.release, former.figures);
    if (release !== null) this.#takeFigures(model, replicaId, release, figures);
    if (!load) return;
    const before = this.#loads.get(replicaId);
    // Another model's host counts from 0.
    const base = before?.modelDigest === modelDigest && before.runs <= load.runs ? before : { runs: 0, images: 0 };
    this.#metrics.inc('nightshift_inference_batches_total', { model }, load.runs - base.runs);
    this.#metrics.inc('nightshift_inference_batch_images_total', { model }, load.images - base.images);
    this.#loads.set(replicaId, { ...load, modelDigest });
  }

  #takeFigures(model: string, replicaId: string, release: number, figures: ReleaseFigures): void {
    const key = `${replicaId} ${release}`;
    const now: Counted = {
      ...{ requests: figures.requests, failed: figures.failed, latencySumMs: figures.latencySumMs ?? 0 },
      latencyCounts: figures.latencyCounts ?? NOTHING.latencyCounts,
      decisions: figures.decisions ?? NOTHING.decisions,
    };
    const before = this.#counted.get(key) ?? NOTHING;
    // Out of the order in which they were sent.
    if (now.requests < before.requests) return;
    this.#counted.set(key, now);
    if (!this.#isKept(model, release)) return;
    const labels = { model, release: String(release) };
    this.#metrics.inc('nightshift_inference_requests_total', labels, now.requests - before.requests);
    this.#metrics.inc('nightshift_inference_failures_total', labels, now.failed - before.failed);
    const counts = now.latencyCounts.map((count, index) => count - (before.latencyCounts[index] ?? 0));
    const sumS = (now.latencySumMs - before.latencySumMs) / 1000;
    this.#metrics.add('nightshift_inference_duration_seconds', labels, BOUNDS_S, counts, sumS);
    this.#decided(model, now.decisions, before.decisions);
  }

  #decided(model: string, now: DecisionCounts, before: DecisionCounts): void {
    const known = now.known - before.known;
    const unknown = now.unknown - before.unknown;
    const count = (decision: string, by: number) =>
      this.#metrics.inc('nightshift_decisions_total', { model, decision }, Math.max(0, by));
    count('known', known);
    count('unknown', unknown);
    count('matched', now.matched - before.matched);
    count('wrong_claim', now.wrongClaims - before.wrongClaims);
    const sum = this.#identified.get(model) ?? { known: 0, unknown: 0, marks: [] };
    sum.known += known;
    sum.unknown += unknown;
    this.#identified.set(model, sum);
  }

  /** Without a value while nobody is identified. */
  #strangers(model: string, nowMs: number): void {
    const sum = this.#identified.get(model);
    if (!sum) return;
    const { known, unknown } = sum;
    // What was decided before the first look stays in the window that this look opens.
    if (sum.marks.length === 0) sum.marks.push({ atMs: nowMs, known: 0, unknown: 0 });
    sum.marks = [
      ...sum.marks.filter(({ atMs }) => nowMs - atMs <= STRANGER_WINDOW_MS),
      { atMs: nowMs, known, unknown },
    ];
    const base = sum.marks[0]!;
    const all = known + unknown - base.known - base.unknown;
    if (all > 0) this.#set('nightshift_stranger_ratio', model, (unknown - base.unknown) / all);
  }

  /** The latest few releases of a model; the values of others are dropped. */
  #isKept(model: string, release: number): boolean {
    const kept = this.#releases.get(model) ?? [];
    if (kept.includes(release)) return true;
    const next = [...kept, release].sort((a, b) => b - a);
    for (const old of next.slice(RELEASES_KEPT)) {
      for (const name of BY_RELEASE) this.#metrics.drop(name, { model, release: String(old) });
    }
    this.#releases.set(model, next.slice(0, RELEASES_KEPT));
    return next.indexOf(release) < RELEASES_KEPT;
  }
}

const BY_RELEASE: readonly MetricName[] = [
  'nightshift_inference_duration_seconds',
  'nightshift_inference_requests_total',
  'nightshift_inference_failures_total',
];

function countBy<T>(all: readonly T[], keyOf: (one: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(keyOf(one), (counts.get(keyOf(one)) ?? 0) + 1);
  return counts;
}
