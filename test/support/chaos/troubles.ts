/**
 * What happens to the processes, by a seed: kills with -9, alone and several at once, processes that stand still, servers
 * that go and come. Each is over before the account is made.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { createRandom } from '../../../services/training/random.ts';
import type { Cluster } from '../cluster.ts';
import type { Part } from './parts.ts';

export interface Troubled {
  readonly kills: number;
  readonly stops: number;
  readonly serverKills: number;
}

/** Between two troubles. */
const PAUSE_MS = [500, 3_000] as const;
const STILL_MS = [1_000, 9_000] as const;
const AWAY_MS = [500, 5_000] as const;

export async function makeTroubles(
  seed: number,
  cluster: Cluster,
  parts: readonly Part[],
  signal: AbortSignal,
): Promise<Troubled> {
  const random = createRandom(seed);
  const among = ([from, to]: readonly [number, number]) => from + random() * (to - from);
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const counts = { kills: 0, stops: 0, serverKills: 0 };
  const kill = async (part: Part) => {
    counts.kills += 1;
    await part.kill();
    await wait(among(AWAY_MS));
    part.start();
  };
  const still = async (part: Part) => {
    counts.stops += 1;
    part.stand(true);
    await wait(among(STILL_MS));
    part.stand(false);
  };
  // One at a time: without two of three nothing can be stored, which is another story.
  const away = async (server: number) => {
    counts.serverKills += 1;
    await cluster.kill(server);
    await wait(among(AWAY_MS));
    cluster.start(server);
    await wait(AWAY_MS[1]);
  };
  while (!signal.aborted) {
    await wait(among(PAUSE_MS));
    const chance = random();
    if (chance < 0.6) await kill(one(parts));
    else if (chance < 0.75) await Promise.all([one(parts), one(parts)].filter(distinct).map(kill));
    else if (chance < 0.9) await still(one(parts));
    else await away(Math.floor(random() * cluster.urls.length));
  }
  return counts;
}

const distinct = <T>(it: T, at: number, all: readonly T[]) => all.indexOf(it) === at;
