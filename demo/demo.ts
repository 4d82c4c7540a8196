/**
 * `nightshift demo`: a whole system in a throw-away folder, two data services, live traffic, and the story told over
 * it. In any case, also after Ctrl-C, everything it started is taken down again.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '../client/client.ts';
import { PipelineError } from '../contracts/errors.ts';
import type { Role } from '../contracts/roles.ts';
import { loginOf } from '../infra/access/login-of.ts';
import { ConfigSchema, type Config } from '../infra/config/config.ts';
import { namespaceOf } from '../infra/messaging/wire.ts';
import { createLogger } from '../runtime/logger.ts';
import { startSystem } from '../main.ts';
import { connectClient, type Client } from '../cli/client.ts';
import { onSignal } from '../cli/signals.ts';
import { sourcesOf, startDataServices, type DataServices } from './data-services.ts';
import { brokenPromises, toJson, toTable } from './report.ts';
import { MODEL, tellStory } from './story.ts';
import { DEADLINE_MS } from './traffic.ts';

export interface DemoOptions {
  readonly data?: string;
  readonly json?: boolean;
}

/** Half the work of the default 64; nobody waits two minutes for a demo. */
const IMAGE_SIZE = 48;
/**
 * Few passes over the images, in more steps than by default: about as good a net in less time on these small sets.
 * Each batch is one pass through the net: half of 16 images would be few for batch-norm.
 */
const TRAINING = { epochs: 14, batchSize: 16, microBatch: 16, learningRate: 3e-3 };
/**
 * The demo judges by accuracy: how fast a machine is that also draws faces, trains and sends the traffic says nothing of
 * the model. One probe of some eighty is more than a percent, hence the wider drop.
 */
const GATES = {
  ...{ rank1DropMax: 0.1, bestDropMax: 0.1, namesLostMax: 0.1, wrongNameMax: 0.05 },
  ...{ latencyP99MsMax: 5_000, imagesPerSecondMin: 1 },
};
/** Sixty strangers on the street can show this much. With them nobody has to be held out of a small training. */
const DECISION = { identify: { fpir: 0.05 }, verify: { far: 0.01 }, holdOut: { share: 0, min: 0 } };
const GUARD_MS = 2_000;
/** The machine may be busy with something else just then: see GATES. */
const GUARD_LATENCY_RATIO_MAX = 100;
const SEED = 7;
const EXIT_CODE_INTERRUPTED = 130;

export async function demoCommand({ data: folder, json = false }: DemoOptions): Promise<void> {
  const interrupted = new AbortController();
  const off = onSignal(() => interrupted.abort(new PipelineError('CANCELLED', 'interrupted; taking everything down')));
  const home = await mkdtemp(join(tmpdir(), 'nightshift-demo-'));
  const say = (text: string) => void (json || process.stderr.write(`${text}\n`));
  try {
    await inSystem(home, folder, async (parts) => {
      const { client, door, config, data, url } = parts;
      say(`${introduction(folder)}\nnats-server ${url}, ${config.inference.replicas} replicas.\n`);
      const { signal } = interrupted;
      const wait = (ms: number) => delay(ms, undefined, { signal });
      const doorLogin = loginOf(config.nats, 'door', url);
      const story = await tellStory({
        bus: client.bus,
        door: createClient(door.nc, { model: MODEL, namespace: namespaceOf(door.nc), deadlineMs: DEADLINE_MS }),
        url,
        doorLogin,
        data,
        say,
        quiet: json,
        signal,
        wait,
      });
      const figures = toJson(story, { synthetic: folder === undefined, fpir: DECISION.identify.fpir });
      process.stdout.write(
        json ? `${JSON.stringify(figures)}\n` : `\n8. The nights in figures\n${toTable(story, figures)}\n`,
      );
      const broken = brokenPromises(figures);
      for (const promise of broken) process.stderr.write(`NOT AS PROMISED: ${promise}\n`);
      process.exitCode = broken.length === 0 ? 0 : 1;
    });
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    process.stderr.write('interrupted; everything is taken down\n');
    process.exitCode = EXIT_CODE_INTERRUPTED;
  } finally {
    await rm(home, { recursive: true, force: true });
    off();
  }
}

const introduction = (folder: string | undefined) =>
  folder === undefined
    ? 'Nightshift demo on SYNTHETIC faces: drawn by a program, seeded, no real person. Use --data <folder> for real images.'
    : `Nightshift demo on the images in ${folder}.`;

interface Parts {
  /** The operator. */
  readonly client: Client;
  readonly door: Client;
  readonly config: Config;
  readonly data: DataServices;
  readonly url: string;
}

/** Opens data services, system and client, and closes them in reverse. */
async function inSystem(home: string, folder: string | undefined, use: (parts: Parts) => Promise<void>): Promise<void> {
  const log = createLogger({ level: 'error' });
  const data = await startDataServices({ folder: folder ?? null, seed: SEED });
  try {
    const config = demoConfig(home, data);
    const system = await startSystem(config, log);
    try {
      const { url } = system.server;
      const connectAs = (role: Role) => connectClient(url, log, loginOf(config.nats, role, url), role);
      const client = await connectAs('operator');
      try {
        const door = await connectAs('door');
        try {
          await use({ client, door, config, data, url });
        } finally {
          await door.close();
        }
      } finally {
        await client.close();
      }
    } finally {
      await system.stop();
    }
  } finally {
    await data.close();
  }
}

function demoConfig(home: string, data: DataServices): Config {
  return ConfigSchema.parse({
    nats: { storeDir: join(home, 'store'), port: 0 },
    inference: { replicas: 2 },
    models: {
      [MODEL]: {
        ...sourcesOf(data),
        decision: DECISION,
        // The night of wrong labels would be held for its data, and the verdict is to be seen.
        checks: { conflictingNames: { action: 'note' }, imagesLeft: { action: 'note' } },
        image: { width: IMAGE_SIZE, height: IMAGE_SIZE },
        training: TRAINING,
        verification: { gates: GATES },
        deployment: {
          guardMs: GUARD_MS,
          guardLatencyP99MsMax: GATES.latencyP99MsMax,
          guardLatencyRatioMax: GUARD_LATENCY_RATIO_MAX,
          replicasMin: 2,
        },
      },
    },
  });
}
