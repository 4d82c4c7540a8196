/**
 * Brings a server to the tables of streams.ts and consumers.ts, as plan.ts decides it. May run any number of times, from any
 * number of processes. It changes nothing unless all that has our names is ours (owner.ts). Called with the identity `setup`
 * by main.ts for our own server and by `nightshift setup`, never by an actor: see await-topology.ts.
 */
import { JetStreamApiError, type JetStreamManager, type StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { PipelineError } from '../../contracts/errors.ts';
import { wireConsumerConfig, wireManagerOf, wireStreamConfig } from '../messaging/jetstream.ts';
import { namespaceOf } from '../messaging/wire.ts';
import { CONSUMER_SPECS } from './consumers.ts';
import { wireStream } from './namespace.ts';
import { foreign, markOf, newer, overlapping, ownershipOf, tooOld } from './owner.ts';
import { applied, changeOf, type Change } from './plan.ts';
import { streamsOf, type StreamSpec, type TopologyOptions } from './streams.ts';

/** The server's codes; the client's own table lacks them. */
const NO_ROOM = 10047;
/** For a stream and a consumer that are not there. */
const MISSING: readonly number[] = [10059, 10014];

export interface SetupOptions extends TopologyOptions {
  /** Lowers copies, limits and ages, too. */
  readonly force?: boolean;
}

/**
 * What `applyTopology` would do. Throws STREAM_FOREIGN if a stream under one of our names, or on subjects of ours, is
 * somebody else's, and LAYOUT_UNKNOWN if another version of Nightshift made ours.
 */
export async function planTopology(nc: NatsConnection, options: SetupOptions): Promise<readonly Change[]> {
  return (await stepsOf(nc, options)).map(({ change }) => change);
}

/** Adds what is missing and changes what differs; returns that. Throws as planTopology, and DISK_FULL. */
export async function applyTopology(nc: NatsConnection, options: SetupOptions): Promise<readonly Change[]> {
  const steps = await stepsOf(nc, options);
  // Consumers need their streams.
  for (const of of ['stream', 'consumer'] as const) {
    await Promise.all(steps.filter((step) => step.of === of).map((step) => step.run()));
  }
  return steps.map(({ change }) => change);
}

interface Step {
  readonly of: 'stream' | 'consumer';
  readonly change: Change;
  run(): Promise<void>;
}

async function stepsOf(nc: NatsConnection, { force = false, ...options }: SetupOptions): Promise<readonly Step[]> {
  const manager = await wireManagerOf(nc);
  const namespace = namespaceOf(nc);
  const wanted = streamsOf(options).map((it) => ({ ...wireStreamConfig(namespace, it), metadata: markOf(namespace) }));
  const found = await Promise.all(wanted.map(({ name }) => configOf(manager, name)));
  refuseOthers(namespace, found);
  await refuseOverlaps(manager, wanted);
  const streams = wanted.map((spec, index) => streamStep(manager, spec, found[index] ?? null, force));
  const consumers = CONSUMER_SPECS.map(({ stream, config }) =>
    consumerStep(manager, wireStream(namespace, stream), wireConsumerConfig(namespace, config)),
  );
  return [...streams, ...(await Promise.all(consumers))].filter((step) => step !== null);
}

const configOf = (manager: JetStreamManager, name: string) =>
  unlessMissing(async () => (await manager.streams.info(name)).config);

function refuseOthers(namespace: string, found: readonly (StreamConfig | null)[]): void {
  const configs = found.filter((config) => config !== null);
  const of = (ownership: ReturnType<typeof ownershipOf>) =>
    configs.filter(({ metadata }) => ownershipOf(namespace, metadata) === ownership);
  const [strange, future] = [of('foreign'), of('newer')];
  if (strange.length > 0)
    throw foreign(
      namespace,
      strange.map(({ name }) => name),
    );
  if (future[0]) throw newer(future[0].name, future[0].metadata);
}

/** A server takes no two streams with a subject in common, and says only that one is there. */
async function refuseOverlaps(manager: JetStreamManager, wanted: readonly StreamSpec[]): Promise<void> {
  const ours = new Set(wanted.map(({ name }) => name));
  const subjects = wanted.flatMap((spec) => spec.subjects ?? []);
  const lists = await Promise.all(
    subjects.map(async (subject) => ({ subject, streams: await takenBy(manager, subject) })),
  );
  const others = new Map<string, { readonly config: StreamConfig; readonly subjects: string[] }>();
  for (const { subject, streams } of lists) {
    for (const config of streams.filter(({ name }) => !ours.has(name))) {
      const other = others.get(config.name) ?? { config, subjects: [] };
      other.subjects.push(subject);
      others.set(config.name, other);
    }
  }
  const old = [...others.values()].filter(({ config }) => isOfLayout1(config));
  if (old.length > 0) throw tooOld(old.map(({ config }) => config.name));
  if (others.size > 0) throw overlapping([...others].map(([name, other]) => ({ name, subjects: other.subjects })));
}

async function takenBy(manager: JetStreamManager, subject: string): Promise<readonly StreamConfig[]> {
  const configs: StreamConfig[] = [];
  for await (const { config } of manager.streams.list(subject)) configs.push(config);
  return configs;
}

/** Up to 0.4.0 a stream had its logical name, and its description. */
const isOfLayout1 = ({ name, description }: StreamConfig) =>
  streamsOf({ replicas: 1 }).some((spec) => spec.name === name && spec.description === description);

function streamStep(
  manager: JetStreamManager,
  spec: StreamSpec,
  has: StreamConfig | null,
  force: boolean,
): Step | null {
  const change = changeOf(`stream ${spec.name}`, has && { ...has }, { ...spec }, force);
  if (change === null) return null;
  const run = async () => {
    try {
      if (has === null) await manager.streams.add(spec);
      else
        await manager.streams.update(spec.name, {
          ...applied(change),
          metadata: { ...has.metadata, ...spec.metadata },
        });
    } catch (error) {
      throw error instanceof JetStreamApiError && error.code === NO_ROOM ? noRoom(spec, error) : error;
    }
  };
  return { of: 'stream', change, run };
}

async function consumerStep(
  manager: JetStreamManager,
  stream: string,
  config: ReturnType<typeof wireConsumerConfig>,
): Promise<Step | null> {
  const name = config.durable_name!; // Each of the table has one.
  const has = await unlessMissing(async () => (await manager.consumers.info(stream, name)).config);
  const change = changeOf(`consumer ${name} of ${stream}`, has && { ...has }, { ...config }, true);
  if (change === null) return null;
  const run = async () =>
    void (await (has === null
      ? manager.consumers.add(stream, config)
      : manager.consumers.update(stream, name, config)));
  return { of: 'consumer', change, run };
}

const noRoom = ({ name, max_bytes }: StreamSpec, cause: unknown) =>
  new PipelineError(
    'DISK_FULL',
    `nats-server has no room for stream ${name} (${max_bytes} bytes): it keeps its streams within three quarters of what is free on its disk when it starts, and within what the account may store; free some space, choose another nats.storeDir, or raise the account's limit`,
    { cause },
  );

/** Null if the question finds nothing. */
export async function unlessMissing<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof JetStreamApiError && MISSING.includes(error.code)) return null;
    throw error;
  }
}
