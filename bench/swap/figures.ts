/** The figures of the swap bench from what was written down: pure. All moments are those of bench/support/clock.ts. */
import type { ReplicaSwitched } from '../../contracts/messages.ts';
import { OUTCOMES, type Ledger } from './ledger.ts';
import { reportsOf, type Step } from './operator.ts';

export interface MemorySample {
  readonly atMs: number;
  /** Swaps that were complete by then. */
  readonly swaps: number;
  readonly mb: number;
}

/** A load goes on a little after it: each replica starts the process that stands by for the next one. */
const LOAD_AFTERMATH_MS = 1_000;
/** A swap disturbs requests within this time after it, if at all. */
const SWAP_AFTERMATH_MS = 250;
/** Until the code of client and replicas is compiled. */
export const WARM_UP_MS = 2_000;
/** The level of memory is that after so many swaps; by then everything has happened at least once. */
const LEVEL_AFTER_SWAPS = 10;
/** A sample depends on when garbage was last collected, so the level is the median of a few. */
const LEVEL_SAMPLES = 5;
/** Beside those of the two levels: enough for the picture. A sample takes up to 40 ms of a processor. */
const SAMPLES_MAX = 40;

export type Period = 'steady' | 'loading' | 'swapping';
export interface Latencies {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** By the moment at which a request was due, and counted from it. A request may be of two periods, but for the steady one. */
export function latenciesBy(ledger: Ledger, steps: readonly Step[]): Readonly<Record<Period, Latencies>> {
  const loads = steps.flatMap(({ startedMs, loadedMs }) =>
    loadedMs === null ? [] : [[startedMs, loadedMs + LOAD_AFTERMATH_MS] as const],
  );
  const swaps = steps.flatMap(({ committedMs, completedMs }) =>
    committedMs === null ? [] : [[committedMs, completedMs + SWAP_AFTERMATH_MS] as const],
  );
  const steadyFromMs = (ledger.dueMs[0] ?? 0) + WARM_UP_MS;
  const latencies: Record<Period, number[]> = { steady: [], loading: [], swapping: [] };
  ledger.dueMs.forEach((dueMs, request) => {
    if (ledger.outcome[request] !== OUTCOMES.answered || dueMs < steadyFromMs) return;
    const within = ([from, to]: readonly [number, number]) => from <= dueMs && dueMs <= to;
    const latency = ledger.endedMs[request]! - dueMs;
    const isLoading = loads.some(within);
    const isSwapping = swaps.some(within);
    if (isLoading) latencies.loading.push(latency);
    if (isSwapping) latencies.swapping.push(latency);
    if (!isLoading && !isSwapping) latencies.steady.push(latency);
  });
  return {
    steady: latenciesOf(latencies.steady),
    loading: latenciesOf(latencies.loading),
    swapping: latenciesOf(latencies.swapping),
  };
}

const latenciesOf = (ms: readonly number[]): Latencies => ({
  requests: ms.length,
  p50Ms: percentile(ms, 50),
  p99Ms: percentile(ms, 99),
  maxMs: percentile(ms, 100),
});

export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface SwapFigures {
  readonly swaps: number;
  /** Of each replica's switch. */
  readonly swapUs: Spread;
  /** Between the first and the last replica that switched to a release. */
  readonly skewMs: Spread;
  /** From the record of the rollback to its completion on every replica. */
  readonly rollbackMs: Spread;
  /** From the announcement of a candidate until every replica has loaded it. */
  readonly loadMs: Spread;
}

export function swapFiguresOf(steps: readonly Step[], switches: readonly ReplicaSwitched[]): SwapFigures {
  const swapped = steps.filter(({ committedMs }) => committedMs !== null);
  const reports = swapped.map(({ release }) => reportsOf(switches, release));
  const skews = reports.map((ofRelease) => {
    const momentsMs = ofRelease.map(({ monotonicUs }) => monotonicUs / 1000);
    return Math.max(...momentsMs) - Math.min(...momentsMs);
  });
  const loads = steps.filter(({ kind }) => kind === 'deploy');
  const rollbacks = swapped.filter(({ kind }) => kind === 'roll-back');
  return {
    swaps: swapped.length,
    swapUs: spread(reports.flat().map(({ swapUs }) => swapUs)),
    skewMs: spread(skews),
    rollbackMs: spread(rollbacks.map(({ committedMs, completedMs }) => completedMs - committedMs!)), // Filtered above.
    loadMs: spread(loads.map(({ startedMs, loadedMs }) => loadedMs! - startedMs)), // Deployed is what was loaded.
  };
}

const spread = (values: readonly number[]): Spread => ({
  p50: percentile(values, 50),
  p99: percentile(values, 99),
  max: percentile(values, 100),
});

/** Whether memory is measured after the swap of this number, of so many in all. */
export function isSampled(swap: number, swaps: number): boolean {
  const isOfLevel = swap >= LEVEL_AFTER_SWAPS && swap < LEVEL_AFTER_SWAPS + LEVEL_SAMPLES;
  return isOfLevel || swap > swaps - LEVEL_SAMPLES || swap % Math.ceil(swaps / SAMPLES_MAX) === 0;
}

/** The memory at the end over that after the tenth swap (of shorter runs, after the first); null where nobody knows it. */
export function growthOf(samples: readonly MemorySample[]): number | null {
  const later = samples.filter(({ swaps }) => swaps >= LEVEL_AFTER_SWAPS);
  const counted = (later.length >= 2 * LEVEL_SAMPLES ? later : samples).map(({ mb }) => mb);
  if (counted.length === 0) return null;
  return percentile(counted.slice(-LEVEL_SAMPLES), 50) / percentile(counted.slice(0, LEVEL_SAMPLES), 50);
}

/** The nearest rank: a value that was measured. 0 where there is none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
}
