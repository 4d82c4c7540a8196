/**
 * Nights on unchanged data, then nights that each make a model, and the size of the store after them, as the server and its
 * disk have it. With identities and by the command line. Used by a test and by `npm run soak`.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SweepReportSchema, type SweepReport } from '../../contracts/retention.ts';
import { CTL, pipelineEventSubject, STREAMS } from '../../contracts/subjects.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { startSystem } from '../../main.ts';
import type { Client } from '../../cli/client.ts';
import { runCli } from './cli.ts';
import { withFolder, writeTinyPeople } from './folder.ts';
import { connectAs } from './identities.ts';
import { lenientIn, LENIENT_GATES } from './lenient.ts';
import { runNight } from './nights.ts';
import { MODEL } from './replicas.ts';
import { testLogger } from './server.ts';
import { until } from './wait.ts';

export interface StoreSoakOptions {
  readonly nights: number;
  /** After them, runs that train although nothing has changed. */
  readonly forced: number;
  readonly onNight?: (done: number) => void;
  /** Something more to do with the command line, before the end. */
  readonly use?: (cli: (...args: string[]) => Promise<string>) => Promise<void>;
}

export interface StoreSoakReport {
  /** Runs after the first that trained, or ended otherwise than unchanged. */
  readonly trained: readonly string[];
  readonly modelBytes: number;
  /** Of all streams. */
  readonly firstBytes: number;
  readonly unchangedBytes: number;
  readonly forcedBytes: number;
  /** Of the files of the server, at the end. */
  readonly diskBytes: number;
  /** Folders of candidates that stay at the end, and why. */
  readonly models: SweepReport['held'];
}

/** Besides the one in service and the one before. */
export const RETAINED = 1;

const configOf = async (home: string) =>
  ConfigSchema.parse({
    nats: { storeDir: join(home, 'store'), port: 0 },
    retention: { snapshots: 1, models: 1, reports: 1, graceMinutes: 0 },
    models: {
      [MODEL]: {
        sources: [{ type: 'directory', name: 'doors', path: join(home, 'faces') }],
        ...(await lenientIn(home)),
        image: { width: 32, height: 32 },
        // 2 MB, as a small model of faces has.
        training: { net: [{ type: 'flatten' }, { type: 'dense', units: 512 }], epochs: 1, batchSize: 32 },
        verification: { gates: LENIENT_GATES, performanceRequests: 10 },
        deployment: { guardMs: 50, guardLatencyP99MsMax: 10_000, retainedReleases: RETAINED },
      },
    },
  });

export const soakStore = ({ nights, forced, onNight = () => {}, use }: StoreSoakOptions): Promise<StoreSoakReport> =>
  withFolder(async (home) => {
    await writeTinyPeople(join(home, 'faces'), 12, 8);
    const storeDir = join(home, 'store');
    const { server, stop } = await startSystem(await configOf(home), testLogger());
    const client = await connectAs('operator', { url: server.url, storeDir });
    const cli = async (...args: string[]) => {
      const asked = await runCli(args, { cwd: home, env: { NATS_URL: server.url, NIGHTSHIFT_STORE: storeDir } });
      if (asked.code !== 0) throw new Error(`nightshift ${args.join(' ')}: ${asked.stderr}`);
      return asked.stdout;
    };
    const store = async (...args: string[]) => SweepReportSchema.parse(JSON.parse(await cli(...args, '--json')));
    try {
      const first = await runNight(client.bus, 'n1');
      if (first.fact !== 'completed') throw new Error(`the first night ended ${first.fact}`);
      const afterFirst = await store('disk');
      const trained: string[] = [];
      for (let night = 2; night <= nights; night++) {
        const { fact, results } = await runNight(client.bus, `n${night}`);
        if (fact !== 'unchanged' || results.train) trained.push(`n${night} ${fact}`);
        onNight(night);
      }
      const unchanged = await store('gc');
      for (let night = 1; night <= forced; night++) {
        await force(client, `f${night}`);
        onNight(nights + night);
      }
      const swept = await store('gc');
      const { held } = await store('disk');
      await use?.(cli);
      return {
        trained,
        modelBytes: afterFirst.kept.find(({ kind }) => kind === 'models')!.bytes,
        ...{ firstBytes: total(afterFirst), unchangedBytes: total(unchanged), forcedBytes: total(swept) },
        diskBytes: onDisk(storeDir),
        models: held.filter(({ bucket }) => bucket === 'MODELS'),
      };
    } finally {
      await client.close();
      await stop();
    }
  });

const total = ({ streams }: SweepReport) => streams.reduce((sum, { bytes }) => sum + bytes, 0);

const onDisk = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + (statSync(join(parentPath, name), QUIET)?.size ?? 0), 0);

/** The server's temporary files come and go. */
const QUIET = { throwIfNoEntry: false } as const;

async function force({ bus }: Client, runId: string): Promise<void> {
  await bus.publish(CTL.pipelineStart, { model: MODEL, runId, force: true }, { id: runId });
  await until(() => bus.lastOn(STREAMS.events, pipelineEventSubject('completed', runId)), `${runId} to complete`);
}
