/**
 * One night with real actors, in which one of them is killed with -9 at a named point and started again, and what can be
 * compared of such nights: the final checkpoint, the stored events, the artefacts, the champion. Every night has the
 * same run id and data on a fresh server, so that undisturbed and disturbed ones must agree to the byte.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Objm } from '@nats-io/obj';
import { jetstreamManager } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import type { NatsConnection } from 'nats';
import { ACTORS, type ActorName } from '../../actors/names.ts';
import { CheckpointSchema, runKey } from '../../actors/orchestrator/context.ts';
import { BUCKETS, CTL, NOUNS, STREAMS } from '../../contracts/subjects.ts';
import { DeploymentSchema } from '../../contracts/values.ts';
import { ConfigSchema, type Config } from '../../infra/config.ts';
import { CONSUMER_SPECS } from '../../infra/consumers.ts';
import type { FaultPoint } from '../../infra/fault-points.ts';
import { createRecordStore, openKv } from '../../infra/record-store.ts';
import { startActor } from '../../main.ts';
import { statePath, type Checkpoint } from '../../machines/step.ts';
import { withCli } from './cli.ts';
import { withFolder, writeTinyPeople } from './folder.ts';
import { withServer, type TestServer } from './server.ts';
import { until } from './wait.ts';

export interface Crash {
  readonly actor: ActorName;
  readonly point: FaultPoint;
  /** Part of what the point says of itself: see infra/fault-points.ts. */
  readonly where: string;
}

/** What a night leaves behind, without what differs from one to the next: times, speeds, names of replicas. */
export interface Traces {
  readonly state: string;
  readonly transitions: number;
  readonly attempts: readonly number[];
  readonly artefacts: readonly string[];
  readonly events: readonly string[];
  readonly champion: object | null;
}

export interface Outcome {
  /** False where the process ended its work without having come to the point. */
  readonly reached: boolean;
  /** What never came, though everything was given time. */
  readonly stuck: string | null;
  /** Stored twice under one id. */
  readonly doubled: readonly string[];
  readonly traces: Traces;
  /** The run's checkpoints, oldest first. */
  readonly history: readonly Checkpoint[];
  readonly objects: readonly string[];
}

const MODEL = 'face';
const RUN = 'crash';
/** A message that a killed process held comes back after this time; in production after 5 s or 30 s. */
const ACK_WAIT_MS = 1_000;
const STUCK_MS = 90_000;

/** Small enough to train in a second; gates that measure speed are left out. */
const configOf = (folder: string, url: string): Config =>
  ConfigSchema.parse({
    nats: { url },
    models: {
      [MODEL]: {
        sources: [{ type: 'directory', name: 'people', path: join(folder, 'people') }],
        image: { width: 16, height: 16 },
        split: { strategy: 'content-hash', validation: 0, probe: 0.3 },
        training: {
          epochs: 2,
          threads: 1,
          batchSize: 8,
          net: [{ type: 'flatten' }, { type: 'dense', units: 8 }],
        },
        verification: {
          gates: { rank1Min: 0, rocAucMin: 0, latencyP99MsMax: 60_000, imagesPerSecondMin: 0 },
          performanceRequests: 10,
        },
        deployment: { guardMs: 200, guardLatencyP99MsMax: 60_000 },
        retry: { backoffMs: 100 },
      },
    },
  });

/** `crash` null: an undisturbed night. */
export const nightWith = (crash: Crash | null): Promise<Outcome> =>
  withFolder((folder) =>
    withServer(async (server) => {
      const config = configOf(folder, server.url);
      await writeTinyPeople(join(folder, 'people'), 4, 8);
      await writeFile(join(folder, 'nightshift.config.json'), JSON.stringify(config));
      const nc = await server.connect('crash');
      await shortenAckWait(nc);
      const others = ACTORS.filter((name) => name !== crash?.actor);
      const running = await Promise.all(others.map((name) => startActor(name, server.url, config, server.log)));
      try {
        const begin = () => startNight(nc);
        if (!crash) await begin();
        const reached = crash ? await killed(crash, folder, server, begin) : true;
        return await afterwards(crash, folder, server, nc, reached);
      } finally {
        await Promise.all(running.map((actor) => actor.stop()));
      }
    }),
  );

async function shortenAckWait(nc: NatsConnection): Promise<void> {
  const { consumers } = await jetstreamManager(nc);
  for (const { stream, config } of CONSUMER_SPECS) {
    await consumers.update(stream, config.durable_name, { ack_wait: nanos(ACK_WAIT_MS) });
  }
}

async function startNight(nc: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(nc);
  nc.publish(CTL.pipelineStart, JSON.stringify({ model: MODEL, runId: RUN }));
  await nc.flush();
  await until(async () => (await manager.streams.info(STREAMS.ctl)).state.last_seq > 0, 'the command to be stored');
}

const cliOptions = (folder: string, { url }: TestServer, fault: string) => ({
  cwd: folder,
  env: { NATS_URL: url, NIGHTSHIFT_LOG_LEVEL: 'warn', NIGHTSHIFT_FAULT: fault },
});

/** Whether the process died at the point; ends it where the night is over without. */
const killed = (crash: Crash, folder: string, server: TestServer, begin: () => Promise<void>): Promise<boolean> =>
  withCli(['actor', crash.actor], cliOptions(folder, server, `${crash.point}@${crash.where}`), async (cli) => {
    await begin();
    const nc = await server.connect('watching');
    const isDead = () => cli.exited.then(({ signal }) => signal === 'SIGKILL');
    let dead: boolean | null = null;
    void isDead().then((answer) => (dead = answer));
    const over = async () => dead !== null || (await isAtRest(nc));
    await until(over, `${crash.actor} to die at ${crash.point}@${crash.where}`, STUCK_MS).catch(() => {});
    // Some points come after the run's last transition.
    if (dead === null) await until(() => dead !== null, 'a late point', ACK_WAIT_MS).catch(() => {});
    return dead === true;
  });

async function afterwards(
  crash: Crash | null,
  folder: string,
  server: TestServer,
  nc: NatsConnection,
  reached: boolean,
): Promise<Outcome> {
  const wait = async () => {
    try {
      await until(() => isAtRest(nc), 'the run to end', STUCK_MS);
      await until(() => isQuiet(nc), 'every message to be acknowledged', STUCK_MS);
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  };
  const look = async (stuck: string | null): Promise<Outcome> => {
    const stored = await eventsOf(nc);
    const ids = stored.map(({ id }) => id);
    const doubled = ids.filter((id, index) => ids.indexOf(id) !== index);
    const history = (await runsOf(nc)).history;
    return {
      reached,
      stuck,
      doubled,
      history,
      objects: await objectsOf(nc),
      traces: await tracesOf(nc, history, stored),
    };
  };
  if (!crash) return look(await wait());
  return withCli(['actor', crash.actor], cliOptions(folder, server, ''), async () => look(await wait()));
}

const openRuns = async (nc: NatsConnection) =>
  createRecordStore({ kv: await openKv(nc, BUCKETS.runs), schema: CheckpointSchema });

async function runsOf(nc: NatsConnection) {
  const history = (await (await openRuns(nc)).history(runKey(RUN))).map(({ value }) => value);
  return { history, last: history.at(-1) ?? null };
}

async function isAtRest(nc: NatsConnection): Promise<boolean> {
  const run = (await (await openRuns(nc)).load(runKey(RUN)))?.value;
  return run?.status === 'done' && run.outbox.length === 0;
}

/** No message of any consumer waits or is under way. */
async function isQuiet(nc: NatsConnection): Promise<boolean> {
  const { consumers } = await jetstreamManager(nc);
  const infos = await Promise.all(
    CONSUMER_SPECS.map(({ stream, config }) => consumers.info(stream, config.durable_name)),
  );
  return infos.every(({ num_pending, num_ack_pending }) => num_pending === 0 && num_ack_pending === 0);
}

interface StoredEvent {
  readonly id: string;
  readonly subject: string;
}

async function eventsOf(nc: NatsConnection): Promise<StoredEvent[]> {
  const manager = await jetstreamManager(nc);
  const { state } = await manager.streams.info(STREAMS.events);
  const events: StoredEvent[] = [];
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const stored = await manager.streams.getMessage(STREAMS.events, { seq });
    if (stored && !stored.subject.includes('.progressed.')) {
      const { id, data } = stored.json<{ id: string; data: { failure?: { message: string } | null } }>();
      events.push({ id, subject: [stored.subject, data.failure?.message ?? []].flat().join(' ') });
    }
  }
  return events;
}

/** Every object with its digest. The report of verification and that of training hold figures of speed. */
async function objectsOf(nc: NatsConnection): Promise<string[]> {
  const manager = new Objm(nc);
  const names = [BUCKETS.datasets, BUCKETS.models, BUCKETS.reports];
  const lists = await Promise.all(names.map(async (name) => (await manager.open(name, false)).list()));
  return lists
    .flat()
    .filter(({ deleted }) => !deleted)
    .map(({ bucket, name, digest }) => `${bucket}/${name}${bucket === BUCKETS.reports ? '' : ` ${digest}`}`)
    .sort();
}

async function tracesOf(
  nc: NatsConnection,
  history: readonly Checkpoint[],
  events: readonly StoredEvent[],
): Promise<Traces> {
  const last = history.at(-1);
  if (!last) throw new Error('the run was never stored');
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  const current = (await deployments.load(MODEL))?.value.current;
  return {
    state: statePath(last.value),
    transitions: last.transition,
    attempts: NOUNS.map((noun) =>
      Math.max(...history.filter(({ context }) => context.stage === noun).map(({ context }) => context.attempt)),
    ),
    artefacts: await objectsOf(nc),
    events: events.map(({ subject }) => subject).sort(),
    champion: current
      ? {
          epoch: current.epoch,
          model: current.model.digest,
          gallery: current.gallery.digest,
          golden: current.golden.digest,
        }
      : null,
  };
}
