/**
 * Brings a server to the tables of streams.ts and consumers.ts, as plan.ts decides it. May run any number of times, from any
 * number of processes. It changes nothing unless all that has our names is ours (owner.ts). Called with the identity `setup`
 * by main.ts for our own server and by `nightshift setup`, never by an actor: see await-topology.ts.
 */
import type { ConsumerConfig, JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { unlessMissing, wireConsumerConfig, wireManagerOf, wireStreamConfig } from '../messaging/jetstream.ts';
import { namespaceOf } from '../messaging/wire.ts';
import { CONSUMER_SPECS } from './consumers.ts';
import { wireStream } from './namespace.ts';
import { foreign, markOf, newer, overlapping, ownershipOf } from './owner.ts';
import { applied, changeOf, type Change } from './plan.ts';
import { isOfLayout1, isUnfinished, upgradeOf, type Upgrade } from './upgrade.ts';
import { streamRefused } from './stream-refused.ts';
import { streamsOf, type StreamSpec, type TopologyOptions } from './streams.ts';

export interface SetupOptions extends TopologyOptions {
  /** Lowers copies, limits and ages, too. */
  readonly force?: boolean;
}

/**
 * What `applyTopology` would do. Throws STREAM_FOREIGN if a stream under one of our names, or on subjects of ours, is
 * somebody else's, and LAYOUT_UNKNOWN if another version of Nightshift made ours.
 */
export async function planTopology(nc: NatsConnection, options: SetupOptions): Promise<readonly Change[]> {
  const { upgrade, steps } = await stepsOf(nc, options);
  return upgrade ? upgrade.changes : steps.map(({ change }) => change);
}

/** Adds what is missing and changes what differs; returns that. Throws as planTopology, and DISK_FULL or ACCOUNT_LIMIT if the server has no room. */
export async function applyTopology(nc: NatsConnection, options: SetupOptions): Promise<readonly Change[]> {
  const { upgrade, steps } = await stepsOf(nc, options);
  if (upgrade) {
    await upgrade.run();
    return [...upgrade.changes, ...(await applyTopology(nc, options))];
  }
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

interface Steps {
  /** Comes first, and alone: the rest is known when it is done. */
  readonly upgrade: Upgrade | null;
  readonly steps: readonly Step[];
}

async function stepsOf(nc: NatsConnection, { force = false, ...options }: SetupOptions): Promise<Steps> {
  const manager = await wireManagerOf(nc);
  const namespace = namespaceOf(nc);
  const wanted = streamsOf(options).map((it) => ({ ...wireStreamConfig(namespace, it), metadata: markOf(namespace) }));
  const found = await Promise.all(wanted.map(({ name }) => configOf(manager, name)));
  refuseOthers(namespace, found);
  const isOld = await isOnOldLayout(manager, wanted);
  if (isOld || found.some((config) => config !== null && isUnfinished(config)))
    return { upgrade: await upgradeOf(manager, wanted), steps: [] };
  const streams = wanted.map((spec, index) => streamStep(manager, spec, found[index] ?? null, force));
  const consumers = CONSUMER_SPECS.map(({ stream, config }) =>
    consumerStep(manager, wireStream(namespace, stream), wireConsumerConfig(namespace, config)),
  );
  return { upgrade: null, steps: [...streams, ...(await Promise.all(consumers))].filter((step) => step !== null) };
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

/**
 * Whether streams of layout 1 take our subjects. Throws STREAM_FOREIGN for those of somebody else: a server takes no two
 * streams with a subject in common, and says only that one is there.
 */
async function isOnOldLayout(manager: JetStreamManager, wanted: readonly StreamSpec[]): Promise<boolean> {
  const ours = new Set(wanted.map(({ name }) => name));
  const subjects = wanted.flatMap((spec) => spec.subjects ?? []);
  const lists = subjects.map(async (subject) => ({ subject, streams: await takenBy(manager, subject) }));
  const others = new Map<string, string[]>();
  let isOld = false;
  for (const { subject, streams } of await Promise.all(lists)) {
    for (const config of streams.filter(({ name }) => !ours.has(name))) {
      if (isOfLayout1(config)) isOld = true;
      else others.set(config.name, [...(others.get(config.name) ?? []), subject]);
    }
  }
  if (others.size > 0) throw overlapping([...others].map(([name, taken]) => ({ name, subjects: taken })));
  return isOld;
}

async function takenBy(manager: JetStreamManager, subject: string): Promise<readonly StreamConfig[]> {
  const configs: StreamConfig[] = [];
  for await (const { config } of manager.streams.list(subject)) configs.push(config);
  return configs;
}

function streamStep(
  manager: JetStreamManager,
  spec: StreamSpec,
  has: StreamConfig | null,
  force: boolean,
): Step | null {
  const change = changeOf(`stream ${spec.name}`, has && { ...has }, { ...spec }, force);
  if (change === null) return null;
  const changed = applied(change);
  const run = async () => {
    if (has !== null && Object.keys(changed).length === 0) return;
    try {
      if (has === null) await manager.streams.add(spec);
      else
        await manager.streams.update(spec.name, {
          ...changed,
          metadata: { ...has.metadata, ...spec.metadata },
        });
    } catch (error) {
      throw await streamRefused(manager, spec, error);
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
  // One that came from an older layout goes on from where it stood.
  const { deliver_policy: from, ...rest } = config;
  const wants = has?.deliver_policy === 'by_start_sequence' ? rest : { ...rest, deliver_policy: from };
  const change = changeOf(`consumer ${name} of ${stream}`, has && { ...has }, wants, true);
  if (change === null) return null;
  const run = async () =>
    void (await (has === null
      ? manager.consumers.add(stream, config)
      : manager.consumers.update(stream, name, wants as Partial<ConsumerConfig>)));
  return { of: 'consumer', change, run };
}
