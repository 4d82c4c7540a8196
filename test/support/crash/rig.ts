/**
 * Runs stories with real actors on one server, whose streams are made anew for each. In a story at most one actor is killed with
 * -9 at a named point; another takes its place. Every run has the same id and data, so that undisturbed and disturbed
 * ones must agree to the byte.
 */
import { join } from 'node:path';
import { nanos } from '@nats-io/nats-core';
import type { NatsConnection } from 'nats';
import { ACTORS, type ActorName } from '../../../actors/names.ts';
import { ConfigSchema, type Config } from '../../../infra/config/config.ts';
import { CONSUMER_SPECS } from '../../../infra/topology/consumers.ts';
import type { FaultPoint } from '../../../runtime/fault-points.ts';
import { createReplicaStore } from '../../../infra/stores/replica-store.ts';
import { streamsOf } from '../../../infra/topology/streams.ts';
import { applyTopology } from '../../../infra/topology/topology.ts';
import { startActor } from '../../../main.ts';
import { configureAsIn } from '../configured.ts';
import { withFolder, writeTinyPeople } from '../folder.ts';
import { LENIENT_GATES, lenientWith, writeTinyStrangers } from '../lenient.ts';
import { withServer, type TestServer } from '../server.ts';
import { until } from '../wait.ts';
import { MODEL } from './names.ts';
import { haveServed, runsOf, type Story } from './stories.ts';
import { findTraces, isAtRest, isQuiet, type Found } from './traces.ts';
import { createVictims, type Victims } from './victims.ts';
import { managerOf } from '../../../infra/messaging/jetstream.ts';

export interface Crash {
  readonly actor: ActorName;
  readonly point: FaultPoint;
  /** Part of what the point says of itself: see runtime/fault-points.ts. */
  readonly where: string;
}

export interface Outcome extends Found {
  /** False where the process ended its work without having come to the point. */
  readonly reached: boolean;
  /** The facts that never came, though everything was given time. */
  readonly stuck: string | null;
}

export interface CrashRig {
  readonly server: TestServer;
  /** `crash` null: nobody is killed. `by`: what the actors connect to, if not the server itself. */
  run(story: Story, crash: Crash | null, by?: Way): Promise<Outcome>;
}

export interface Way {
  readonly url: string;
  /** Called when all actors work. A start that nobody answers is for a supervisor to repeat, and there is none here. */
  started(): void;
}

/** A message that a killed process held comes back after this time; in production after 4.5 s. */
const ACK_WAIT_MS = 1_000;
const STUCK_MS = 90_000;

interface Stage {
  readonly server: TestServer;
  readonly nc: NatsConnection;
  readonly folder: string;
  readonly victims: Victims;
}

export const withCrashRig = <T>(use: (rig: CrashRig) => Promise<T>): Promise<T> =>
  withFolder((folder) =>
    withServer(async (server) => {
      await writeTinyPeople(join(folder, 'people'), 4, 8);
      await writeTinyStrangers(join(folder, 'street'));
      const victims = createVictims();
      try {
        const stage = { server, folder, victims, nc: await server.connect('crash') };
        return await use({ server, run: (story, crash, by) => run(stage, story, crash, by) });
      } finally {
        await victims.end();
      }
    }),
  );

async function run(stage: Stage, story: Story, crash: Crash | null, by: Way | undefined): Promise<Outcome> {
  const { nc, server, folder } = stage;
  const url = by?.url ?? server.url;
  await clear(nc);
  await haveServed(nc, story.releases);
  const config = configOf(folder, url, story);
  await configureAsIn(nc, config);
  const start = (name: ActorName) => startActor(name, url, config, server.log);
  const running = await Promise.all(ACTORS.filter((name) => name !== crash?.actor).map(start));
  by?.started();
  const over = new AbortController();
  const course = createCourse(nc, story, over.signal);
  try {
    const reached = crash ? await kill(stage, config, crash, course) : (await course.begin(), true);
    if (crash) running.push(await start(crash.actor));
    const stuck = await course.ends();
    return { reached, stuck, ...(await findTraces(nc, runsOf(story))) };
  } finally {
    over.abort();
    await Promise.all([course.left(), ...running.map((actor) => actor.stop())]);
  }
}

interface Course {
  begin(): Promise<void>;
  isOver(): Promise<boolean>;
  /** Resolves with what never came, or null. */
  ends(): Promise<string | null>;
  /** Resolves when nobody does anything any more; after the signal. */
  left(): Promise<void>;
}

/** The deeds of people and time in a story, while actors come and go. */
function createCourse(nc: NatsConnection, story: Story, signal: AbortSignal): Course {
  const runs = runsOf(story);
  let beside: Promise<void> | undefined;
  let operated: Promise<void> | undefined;
  let isDone = false;
  return {
    begin: async () => {
      await until(() => isServed(nc, story.releases), 'a replica that serves the champion');
      beside = story.beside?.(nc, signal);
      await story.begin(nc);
      operated = story.operator?.(nc);
      operated?.catch(() => {}); // ends() says why.
      void operated?.then(
        () => (isDone = true),
        () => {},
      );
      isDone = operated === undefined;
    },
    isOver: async () => isDone && (await isAtRest(nc, runs)),
    ends: async () => {
      try {
        await operated;
        await until(() => isAtRest(nc, runs), 'the run to end', STUCK_MS);
        await until(() => isQuiet(nc), 'every message to be acknowledged', STUCK_MS);
        return null;
      } catch (error) {
        return (error as Error).message;
      }
    },
    left: async () => void (await Promise.allSettled([beside, operated])),
  };
}

/** As if the server were a new one. */
async function clear(nc: NatsConnection): Promise<void> {
  const manager = await managerOf(nc);
  const names = streamsOf({ replicas: 1 }).map(({ name }) => name);
  await Promise.all(names.map((name) => manager.streams.delete(name)));
  await applyTopology(nc, { replicas: 1 });
  for (const { stream, config } of CONSUMER_SPECS) {
    await manager.consumers.update(stream, config.durable_name, { ack_wait: nanos(ACK_WAIT_MS) });
  }
}

/** Small enough to train in a second; gates and limits that measure speed are left out. */
export function configOf(
  folder: string,
  url: string,
  { pipeline, retention }: Pick<Story, 'pipeline' | 'retention'>,
): Config {
  const sections: Readonly<Record<string, object>> = {
    training: {
      // A checkpoint is stored only if the loss does not rise after it.
      epochs: 6,
      threads: 1,
      batchSize: 8,
      net: [{ type: 'flatten' }, { type: 'dense', units: 8 }],
      warmStart: false,
    },
    verification: {
      gates: LENIENT_GATES,
      performanceRequests: 10,
    },
    deployment: { guardMs: 200, guardLatencyP99MsMax: 60_000 },
    retry: { backoffMs: 100 },
  };
  const names = [...new Set([...Object.keys(sections), ...Object.keys(pipeline)])];
  const merged = Object.fromEntries(names.map((name) => [name, { ...sections[name], ...pipeline[name] }]));
  const data = {
    sources: [{ type: 'directory', name: 'people', path: join(folder, 'people') }],
    ...lenientWith(join(folder, 'street')),
    image: { width: 16, height: 16 },
    split: { strategy: 'content-hash', validation: 0, probe: 0.3 },
  };
  return ConfigSchema.parse({ nats: { url }, retention, models: { [MODEL]: { ...data, ...merged } } });
}

async function isServed(nc: NatsConnection, releases: number): Promise<boolean> {
  const live = await (await createReplicaStore(nc)).list(MODEL);
  return live.length > 0 && live.every(({ release }) => (release ?? 0) === releases);
}

/** Whether the process died at the point; ends it where the run is over without. */
async function kill({ victims }: Stage, config: Config, crash: Crash, course: Course): Promise<boolean> {
  const { actor, point, where } = crash;
  const victim = await victims.start({ actor, url: config.nats.url!, config, fault: `${point}@${where}` });
  await course.begin();
  const over = async () => victim.dead() || (await course.isOver());
  await until(over, `${actor} to die at ${point}@${where}`, STUCK_MS).catch(() => {});
  // Some points come after the run's last transition.
  await until(victim.dead, 'a late point', ACK_WAIT_MS).catch(() => {});
  const died = victim.dead();
  await victim.end();
  return died;
}
