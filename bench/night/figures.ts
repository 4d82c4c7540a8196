/** The figures of the night bench from what became of each request, and how long the trainings took: pure. */
import { STAGES, type Stage } from '../../contracts/subjects.ts';

/** `guard`: after the commit, until the run has ended; counted in no figure. */
export const PERIODS = ['warm-up', 'steady', ...STAGES, 'guard'] as const;
export type Period = (typeof PERIODS)[number];

export interface Asked {
  /** In which the request was due. */
  readonly period: Period;
  /** From the moment at which it was due; null: not answered, or by an error. */
  readonly latencyMs: number | null;
}

export interface Latencies {
  readonly requests: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface NightFigures {
  readonly latencyMs: Readonly<Record<'steady' | Stage, Latencies>>;
  /** p99 in the stage over that of the steady time. */
  readonly ratio: Readonly<Record<Stage, number>>;
  /** Time of the training with the load over that without. */
  readonly trainSlowdown: number;
  readonly trainMs: { readonly loaded: number; readonly quiet: number };
}

export interface Trainings {
  readonly loadedMs: readonly number[];
  readonly quietMs: readonly number[];
}

export function figuresOf(asked: readonly Asked[], { loadedMs, quietMs }: Trainings): NightFigures {
  const of = (period: Period) => latenciesOf(asked.filter((it) => it.period === period));
  const stages = Object.fromEntries(STAGES.map((stage) => [stage, of(stage)])) as Record<Stage, Latencies>; // All of them.
  const steady = of('steady');
  const ratio = Object.fromEntries(STAGES.map((stage) => [stage, stages[stage].p99Ms / steady.p99Ms]));
  const trainMs = { loaded: median(loadedMs), quiet: median(quietMs) };
  return {
    latencyMs: { steady, ...stages },
    ratio: ratio as Record<Stage, number>, // All of them.
    trainSlowdown: trainMs.loaded / trainMs.quiet,
    trainMs,
  };
}

function latenciesOf(asked: readonly Asked[]): Latencies {
  const sorted = asked.map(({ latencyMs }) => latencyMs).filter((ms) => ms !== null);
  sorted.sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  const failed = asked.length - sorted.length;
  return { requests: asked.length, failed, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2; // There is at least one.
}
