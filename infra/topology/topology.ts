/**
 * Brings a server to the tables of streams.ts and consumers.ts. May run any number of times, from any number of
 * processes. Called with the identity `setup` by main.ts for our own server and by `nightshift setup`, never by an actor:
 * see await-topology.ts.
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { PipelineError } from '../../contracts/errors.ts';
import { managerOf, type Manager } from '../messaging/jetstream.ts';
import { CONSUMER_SPECS, type ConsumerSpec } from './consumers.ts';
import { streamsOf, type StreamSpec, type TopologyOptions } from './streams.ts';

/** The server's codes; the client's own table lacks them. The first and last: "exists, with another configuration". */
const STREAM_DIFFERS = 10058;
const NO_ROOM = 10047;
const CONSUMER_DIFFERS = 10148;

/**
 * Adds what is missing and updates what differs. Throws DISK_FULL if the server has no room for a stream, and if an
 * existing stream cannot become what it should be.
 */
export async function applyTopology(nc: NatsConnection, options: TopologyOptions): Promise<void> {
  const manager = await managerOf(nc);
  await Promise.all(streamsOf(options).map((stream) => applyStream(manager, stream)));
  await Promise.all(CONSUMER_SPECS.map((consumer) => applyConsumer(manager, consumer)));
}

/** Names of the streams and consumers that are not there: `stream EVENTS`, `consumer train-start of COMMANDS`. */
export async function missingTopology(nc: NatsConnection, options: TopologyOptions): Promise<readonly string[]> {
  const manager = await managerOf(nc);
  const looks = [
    ...streamsOf(options).map(({ name }) => missing(`stream ${name}`, () => manager.streams.info(name))),
    ...CONSUMER_SPECS.map(({ stream, config: { durable_name } }) =>
      missing(`consumer ${durable_name} of ${stream}`, () => manager.consumers.info(stream, durable_name)),
    ),
  ];
  return (await Promise.all(looks)).filter((name) => name !== null);
}

/** The server's codes for a stream and a consumer that are not there. */
const MISSING: readonly number[] = [10059, 10014];

/** The name itself if the question about it finds nothing. */
export async function missing(name: string, ask: () => Promise<unknown>): Promise<string | null> {
  try {
    await ask();
    return null;
  } catch (error) {
    if (error instanceof JetStreamApiError && MISSING.includes(error.code)) return name;
    throw error;
  }
}

async function applyStream(manager: Manager, spec: StreamSpec): Promise<void> {
  try {
    await manager.streams.add(spec);
  } catch (error) {
    if (isApiError(error, NO_ROOM)) throw noRoom(spec, error);
    if (!isApiError(error, STREAM_DIFFERS)) throw error;
    const { config } = await manager.streams.info(spec.name);
    // A server never allows again what a stream once denied, as those of before 0.4.0 do.
    await manager.streams.update(spec.name, { ...spec, deny_delete: config.deny_delete || spec.deny_delete === true });
  }
}

const noRoom = ({ name, max_bytes }: StreamSpec, cause: unknown) =>
  new PipelineError(
    'DISK_FULL',
    `nats-server has no room for stream ${name} (${max_bytes} bytes): it keeps its streams within three quarters of what is free on its disk when it starts, and within what the account may store; free some space, choose another nats.storeDir, or raise the account's limit`,
    { cause },
  );

async function applyConsumer(manager: Manager, { stream, config }: ConsumerSpec): Promise<void> {
  try {
    await manager.consumers.add(stream, config);
  } catch (error) {
    if (!isApiError(error, CONSUMER_DIFFERS)) throw error;
    await manager.consumers.update(stream, config.durable_name, config);
  }
}

const isApiError = (error: unknown, code: number) => error instanceof JetStreamApiError && error.code === code;
