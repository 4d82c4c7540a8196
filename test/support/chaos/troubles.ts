/**
 * What happens to the processes and the servers: each trouble by its name, at random by a seed or each once. Each is over
 * before the next one begins, and the cluster well again, because two at once could leave no copy of a message.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { createRandom } from '../../../services/training/random.ts';
import type { Cluster } from '../cluster.ts';
import { until } from '../wait.ts';
import { flipBit } from './bit-flip.ts';
import type { Part } from './parts.ts';

/** How often each comes, beside the others. */
const WEIGHTS = {
  kill: 50,
  several: 12,
  still: 12,
  serverKilled: 8,
  leaderKilled: 5,
  quorumLost: 2,
  lameDuck: 2,
  wiped: 3,
  partition: 5,
  bitFlip: 1,
} as const;
export type Trouble = keyof typeof WEIGHTS;
export const TROUBLES = Object.keys(WEIGHTS) as Trouble[]; // Exactly its keys.

export interface Troubled {
  /** Processes of ours that were killed with -9, stood still, and killed servers. */
  readonly kills: number;
  readonly stops: number;
  readonly serverKills: number;
  readonly troubles: Readonly<Partial<Record<Trouble, number>>>;
}

export interface TroubleOptions {
  readonly seed: number;
  readonly cluster: Cluster;
  readonly parts: readonly Part[];
  readonly signal: AbortSignal;
  readonly names: readonly Trouble[];
  /** Each of `names` once, in their order, in place of any at random until the signal. */
  readonly isEachOnce: boolean;
  readonly onTrouble?: ((name: Trouble) => void) | undefined;
}

/** Between two troubles. */
const PAUSE_MS = [500, 3_000] as const;
const STILL_MS = [1_000, 9_000] as const;
const AWAY_MS = [500, 5_000] as const;
/** Longer than a server needs to see that it leads nobody any more. */
const PARTED_MS = [4_000, 9_000] as const;
/** All streams of a server that comes back with nothing. */
const WELL_MS = 120_000;
/** Their leaders are looked for: what each part of the system cannot do without. */
const LED = ['nightshift_EVENTS', 'nightshift_COMMANDS', 'KV_nightshift_RUNS', 'KV_nightshift_DEPLOYMENTS'] as const;

export async function makeTroubles(options: TroubleOptions): Promise<Troubled> {
  const { seed, signal, names, isEachOnce, onTrouble } = options;
  const random = createRandom(seed);
  const among = ([from, to]: readonly [number, number]) => from + random() * (to - from);
  const counts = { kills: 0, stops: 0, serverKills: 0 };
  const troubles: Partial<Record<Trouble, number>> = {};
  const acts = actsOn(options, random, among, counts);
  const chosen = isEachOnce ? names.values() : drawn(names, random, signal);
  for (const name of chosen) {
    await wait(among(PAUSE_MS));
    onTrouble?.(name);
    await acts[name]();
    troubles[name] = (troubles[name] ?? 0) + 1;
  }
  return { ...counts, troubles };
}

function* drawn(names: readonly Trouble[], random: () => number, signal: AbortSignal): Generator<Trouble> {
  const total = names.reduce((sum, name) => sum + WEIGHTS[name], 0);
  while (!signal.aborted) {
    let left = random() * total;
    yield names.find((name) => (left -= WEIGHTS[name]) < 0) ?? names[0]!; // There is one.
  }
}

function actsOn(
  { cluster, parts }: TroubleOptions,
  random: () => number,
  among: (range: readonly [number, number]) => number,
  counts: { kills: number; stops: number; serverKills: number },
): Readonly<Record<Trouble, () => Promise<void>>> {
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const servers = [...cluster.urls.keys()];
  const kill = async (part: Part) => {
    counts.kills += 1;
    await part.kill();
    await wait(among(AWAY_MS));
    part.start();
  };
  const well = () => until(() => cluster.isWell(), 'a cluster that is well again', WELL_MS);
  const killed = async (gone: readonly number[], meanwhile: () => void = () => {}) => {
    counts.serverKills += gone.length;
    await Promise.all(gone.map((server) => cluster.kill(server)));
    meanwhile();
    await wait(among(AWAY_MS));
    gone.forEach((server) => cluster.start(server));
    await well();
  };
  return {
    kill: () => kill(one(parts)),
    several: async () => void (await Promise.all([one(parts), one(parts)].filter(distinct).map(kill))),
    still: async () => {
      const part = one(parts);
      counts.stops += 1;
      part.stand(true);
      await wait(among(STILL_MS));
      part.stand(false);
    },
    serverKilled: () => killed([one(servers)]),
    leaderKilled: async () => killed([await until(() => cluster.leaderOf(one(LED)), 'a leader')]),
    // What is acknowledged lies on two disks of three, and none of them is lost.
    quorumLost: () => {
      const stays = one(servers);
      return killed(servers.filter((server) => server !== stays));
    },
    lameDuck: async () => {
      const server = one(servers);
      await cluster.lameDuck(server);
      await wait(among(AWAY_MS));
      cluster.start(server);
      await well();
    },
    wiped: () => {
      const server = one(servers);
      return killed([server], () => cluster.wipe(server));
    },
    partition: async () => {
      const server = one(servers);
      cluster.isolate(server, true);
      await wait(among(PARTED_MS));
      cluster.isolate(server, false);
      await well();
    },
    bitFlip: () => {
      const server = one(servers);
      return killed([server], () => flipBit(cluster.storeOf(server), random));
    },
  };
}

const distinct = <T>(it: T, at: number, all: readonly T[]) => all.indexOf(it) === at;
