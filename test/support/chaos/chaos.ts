/**
 * A time of troubles: three nats-servers, nine processes of actors, a client that asks sixty times a second, night after
 * night, while processes are killed and stand still. Used by a short test and by `npm run chaos`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ConfigSchema } from '../../../infra/config/config.ts';
import { connectNats } from '../../../infra/messaging/connection.ts';
import { applyTopology } from '../../../infra/topology/topology.ts';
import { withCluster, type Cluster } from '../cluster.ts';
import { configureAsIn } from '../configured.ts';
import { withFolder } from '../folder.ts';
import { MODEL } from '../replicas.ts';
import { testLogger } from '../server.ts';
import { tinyNightIn } from '../tiny-night.ts';
import { until } from '../wait.ts';
import { openLedger, type Account, type Ledger } from './ledger.ts';
import { askSteadily, type Load } from './load.ts';
import { hireParts } from './parts.ts';
import { makeTroubles, TROUBLES, type Trouble, type Troubled } from './troubles.ts';

export interface ChaosOptions {
  /** So long there are troubles at random; null: each of `troubles` once, in their order. */
  readonly seconds: number | null;
  readonly seed: number;
  /** Requests per second. */
  readonly rate?: number;
  /** Absent: all. */
  readonly troubles?: readonly Trouble[];
  readonly onNight?: (nights: number) => void;
  readonly onTrouble?: (name: Trouble) => void;
}

export interface ChaosReport extends Account, Troubled, Load {
  readonly seconds: number;
}

/** When nobody makes trouble any more, everything under way comes to its end within this. */
const SETTLE_MS = 180_000;
const START_MS = 120_000;

export const chaos = (options: ChaosOptions): Promise<ChaosReport> =>
  withFolder((folder) => withCluster(folder, (cluster) => troubled(folder, cluster, options)));

async function troubled(folder: string, cluster: Cluster, options: ChaosOptions): Promise<ChaosReport> {
  const configFile = await setUp(folder, cluster);
  const ledger = await openLedger(cluster.urls);
  const parts = hireParts(folder, configFile);
  const over = new AbortController();
  try {
    await ledger.ask(MODEL, 'night-1');
    await until(() => ledger.hasEnded('night-1'), 'a first release', START_MS);
    const startedAt = performance.now();
    const asking = askSteadily({ servers: cluster.urls, rate: options.rate ?? 60, signal: over.signal });
    const { seconds: secondsMax, seed, troubles: names = TROUBLES, onTrouble } = options;
    const troubles = makeTroubles({
      ...{ seed, cluster, parts, names, onTrouble, isEachOnce: secondsMax === null },
      signal: over.signal,
    });
    const nights = nightAfterNight(ledger, over.signal, options.onNight);
    await (secondsMax === null ? troubles : wait(secondsMax * 1000));
    over.abort();
    const [load, troubledBy, last] = await Promise.all([asking, troubles, nights]);
    // A run that never ends is counted below.
    await until(() => ledger.hasEnded(last), 'the last night to end', SETTLE_MS).catch(() => {});
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    return { ...(await ledger.account()), ...troubledBy, ...load, seconds };
  } finally {
    over.abort();
    await Promise.all(parts.map((part) => part.kill()));
    await ledger.close();
  }
}

/** Answers the path of the actors' configuration file. */
async function setUp(folder: string, cluster: Cluster): Promise<string> {
  const nats = { url: cluster.urls.join(','), replicas: 3 };
  const written = { nats, inference: { replicas: 1 }, models: { [MODEL]: await tinyNightIn(folder) } };
  const configFile = join(folder, 'nightshift.config.json');
  writeFileSync(configFile, JSON.stringify(written));
  const config = ConfigSchema.parse(written);
  const nc = await connectNats({ url: nats.url, name: 'setup', log: testLogger() });
  try {
    await until(() => applyTopology(nc, { replicas: 3 }).then(() => true, () => null), 'a cluster', START_MS); // prettier-ignore
    await configureAsIn(nc, config);
  } finally {
    await nc.close();
  }
  return configFile;
}

/** Answers the id of the last night that was asked for. */
async function nightAfterNight(
  ledger: Ledger,
  signal: AbortSignal,
  onNight?: (nights: number) => void,
): Promise<string> {
  for (let night = 2; ; night++) {
    const runId = `night-${night}`;
    await ledger.ask(MODEL, runId);
    await until(async () => signal.aborted || (await ledger.hasEnded(runId)), runId, SETTLE_MS).catch(() => {});
    onNight?.(night);
    if (signal.aborted) return runId;
  }
}
