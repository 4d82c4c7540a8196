/** Requests per second and their latencies over the last minutes, from the figures in the replicas' heartbeats. Pure. */
import type { ReplicaStatus } from '../../contracts/replica.ts';

export interface Sample {
  readonly atMs: number;
  /** Highest release that any replica serves. */
  readonly release: number | null;
  /** By replica: counted since it switched to its release. */
  readonly counts: ReadonlyMap<string, Counts>;
  readonly p50: number | null;
  readonly p99: number | null;
}
interface Counts {
  readonly release: number | null;
  readonly requests: number;
  readonly failed: number;
  readonly unknown: number;
}

export interface Traffic {
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly perSecond: readonly (number | null)[];
  readonly p50: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
  /** Seconds since 1970 of each change of the release. */
  readonly swaps: readonly number[];
  /** Nobody has asked for anything. */
  readonly isQuiet: boolean;
  /** Of the whole time, as shares of all requests; null while there were none. */
  readonly failedShare: number | null;
  readonly unknownShare: number | null;
}

/** A quarter of an hour at one in three seconds. */
const SAMPLES_MAX = 300;

/** The page is looked at anew far more often than replicas tell of themselves. */
const APART_MS = 2_500;

/** The same samples if the latest is of just now. */
export function withSample(
  samples: readonly Sample[],
  replicas: readonly ReplicaStatus[],
  atMs: number,
): readonly Sample[] {
  const latest = samples.at(-1);
  if (latest !== undefined && atMs - latest.atMs < APART_MS) return samples;
  return [...samples, sampleOf(replicas, atMs)].slice(-SAMPLES_MAX);
}

function sampleOf(replicas: readonly ReplicaStatus[], atMs: number): Sample {
  const worst = (of: (replica: ReplicaStatus) => number | undefined) =>
    replicas.flatMap((it) => of(it) ?? []).reduce<number | null>((most, it) => Math.max(most ?? 0, it), null);
  return {
    atMs,
    release: worst(({ release }) => release ?? undefined),
    counts: new Map(
      replicas.map(({ replicaId, release, figures: { requests, failed, decisions } }) => [
        replicaId,
        { release, requests, failed, unknown: decisions?.unknown ?? 0 },
      ]),
    ),
    p50: worst(({ figures }) => figures.latencyMs?.p50),
    p99: worst(({ figures }) => figures.latencyMs?.p99),
  };
}

export function trafficOf(samples: readonly Sample[]): Traffic {
  const steps = samples.slice(1).map((sample, index) => ({ sample, ...between(samples[index]!, sample) }));
  const total = (of: (step: Step) => number) => steps.reduce((sum, step) => sum + of(step), 0);
  const requests = total((step) => step.requests);
  const share = (part: number) => (requests === 0 ? null : part / requests);
  return {
    times: steps.map(({ sample }) => sample.atMs / 1000),
    perSecond: steps.map((step) => (step.seconds <= 0 ? null : step.requests / step.seconds)),
    p50: steps.map(({ sample }) => sample.p50),
    p99: steps.map(({ sample }) => sample.p99),
    swaps: steps.filter(({ isSwap }) => isSwap).map(({ sample }) => sample.atMs / 1000),
    isQuiet: requests === 0,
    failedShare: share(total(({ failed }) => failed)),
    unknownShare: share(total(({ unknown }) => unknown)),
  };
}

interface Step {
  readonly seconds: number;
  readonly requests: number;
  readonly failed: number;
  readonly unknown: number;
  readonly isSwap: boolean;
}

function between(before: Sample, after: Sample): Step {
  const grown = (field: 'requests' | 'failed' | 'unknown') =>
    [...after.counts].reduce((sum, [replica, counts]) => {
      const former = before.counts.get(replica);
      // After a switch it counts from nothing; a replica that was not there before has counted for longer than this step.
      if (former === undefined) return sum;
      return sum + counts[field] - (former.release === counts.release ? former[field] : 0);
    }, 0);
  return {
    seconds: (after.atMs - before.atMs) / 1000,
    ...{ requests: Math.max(0, grown('requests')), failed: Math.max(0, grown('failed')) },
    unknown: Math.max(0, grown('unknown')),
    isSwap: before.release !== null && after.release !== before.release,
  };
}
