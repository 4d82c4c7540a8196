/**
 * JetStream over a connection, in the domain and the namespace for which the connection was made. Everything in infra/ that
 * speaks to JetStream gets its client here and uses logical names alone; they become wire names on the way out, and logical
 * ones again on the way back (topology/namespace.ts).
 */
import {
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  type Consumer,
  type ConsumerConfig,
  type ConsumerInfo,
  type JetStreamClient,
  type JetStreamManager,
  type JetStreamPublishOptions,
  type JsMsg,
  type OrderedConsumerOptions,
  type PubAck,
  type PurgeBySeq,
  type PurgeResponse,
  type PurgeTrimOpts,
  type StoredMsg,
  type StreamConfig,
  type StreamInfo,
  type StreamInfoRequestOptions,
} from '@nats-io/jetstream';
import type { NatsConnection, Payload } from '@nats-io/nats-core';
import { localName, localStream, localSubject, wireName, wireStream, wireSubject } from '../topology/namespace.ts';
import { namespaceOf } from './wire.ts';

const domains = new WeakMap<NatsConnection, string>();
/** One for each connection: to make one costs as much as to publish. */
const clients = new WeakMap<NatsConnection, JetStreamClient>();

/** Called once for a connection, by connection.ts. A connection without one uses the domain of its server. */
export function useDomain(nc: NatsConnection, domain: string): void {
  domains.set(nc, domain);
}

/** A new object each time, because the client changes it. */
const domainOf = (nc: NatsConnection) => {
  const domain = domains.get(nc);
  return domain === undefined ? {} : { domain };
};

/** The client itself, which speaks wire names: for the clients of buckets. */
export function wireClientOf(nc: NatsConnection): JetStreamClient {
  const client = clients.get(nc) ?? jetstream(nc, domainOf(nc));
  clients.set(nc, client);
  return client;
}

export interface ManagerOptions {
  /** Asks whether JetStream is there, which connection.ts has done before anybody else. */
  readonly checkApi?: boolean;
  readonly timeout?: number;
}

/** The manager itself, which speaks wire names: for topology.ts. */
export const wireManagerOf = (nc: NatsConnection, { checkApi = false, ...options }: ManagerOptions = {}) =>
  jetstreamManager(nc, { checkAPI: checkApi, ...options, ...domainOf(nc) });

/** As the KV and object clients are told it. */
export const wireBucket = (nc: NatsConnection, bucket: string): string => wireName(namespaceOf(nc), bucket);

/** A subject of the JetStream API, `$JS.API.…`, as it goes over this connection. */
export function apiSubject(nc: NatsConnection, subject: string): string {
  const wire = wireSubject(namespaceOf(nc), subject);
  const domain = domains.get(nc);
  return domain === undefined ? wire : wire.replace(/^\$JS\.API/, `$JS.${domain}.API`);
}

/** Of the client, what is used here. */
export interface Client {
  publish(subject: string, body?: Payload, options?: Partial<JetStreamPublishOptions>): Promise<PubAck>;
  readonly consumers: {
    /** Its messages have wire subjects: see `localMessage`. */
    get(stream: string, consumer: string | Partial<OrderedConsumerOptions>): Promise<Consumer>;
  };
}

export function clientOf(nc: NatsConnection): Client {
  const namespace = namespaceOf(nc);
  const client = wireClientOf(nc);
  return {
    publish: (subject, body, options = {}) =>
      client.publish(inDomain(nc, wireSubject(namespace, subject)), body, publishOptions(namespace, options)),
    consumers: {
      get: (stream, consumer) =>
        client.consumers.get(
          wireStream(namespace, stream),
          typeof consumer === 'string' ? wireName(namespace, consumer) : ordered(namespace, consumer),
        ),
    },
  };
}

/** A server in between keeps `$KV` of another domain from passing, so it goes by the domain's own name. */
function inDomain(nc: NatsConnection, subject: string): string {
  const domain = domains.get(nc);
  return domain === undefined || !subject.startsWith('$KV.') ? subject : `$JS.${domain}.API.${subject}`;
}

function publishOptions(
  namespace: string,
  options: Partial<JetStreamPublishOptions>,
): Partial<JetStreamPublishOptions> {
  const { schedule } = options;
  if (schedule?.target === undefined) return options;
  return { ...options, schedule: { ...schedule, target: wireSubject(namespace, schedule.target) } };
}

function ordered(namespace: string, options: Partial<OrderedConsumerOptions>): Partial<OrderedConsumerOptions> {
  const { filter_subjects: filters } = options;
  if (filters === undefined) return options;
  const wire = (subject: string) => wireSubject(namespace, subject);
  return { ...options, filter_subjects: typeof filters === 'string' ? wire(filters) : filters.map(wire) };
}

type Query = Parameters<JetStreamManager['streams']['getMessage']>[1];
type DirectQuery = Parameters<JetStreamManager['direct']['getMessage']>[1];
type PurgeOptions = PurgeBySeq | PurgeTrimOpts | { readonly filter: string };

/** Of the manager, what is used here. Configurations have logical names in both directions. */
export interface Manager {
  readonly streams: {
    info(stream: string, options?: Partial<StreamInfoRequestOptions>): Promise<StreamInfo>;
    getMessage(stream: string, query: Query): Promise<StoredMsg | null>;
    deleteMessage(stream: string, seq: number, erase?: boolean): Promise<boolean>;
    purge(stream: string, options?: PurgeOptions): Promise<PurgeResponse>;
    add(config: Partial<StreamConfig> & Pick<StreamConfig, 'name'>): Promise<StreamInfo>;
    update(stream: string, config: Partial<StreamConfig>): Promise<StreamInfo>;
    delete(stream: string): Promise<boolean>;
  };
  readonly consumers: {
    info(stream: string, consumer: string): Promise<ConsumerInfo>;
    add(stream: string, config: Partial<ConsumerConfig>): Promise<ConsumerInfo>;
    update(stream: string, consumer: string, config: Partial<ConsumerConfig>): Promise<ConsumerInfo>;
    delete(stream: string, consumer: string): Promise<boolean>;
  };
  readonly direct: { getMessage(stream: string, query: DirectQuery): Promise<StoredMsg | null> };
}

export async function managerOf(nc: NatsConnection, options: ManagerOptions = {}): Promise<Manager> {
  const { streams, consumers, direct } = await wireManagerOf(nc, options);
  const namespace = namespaceOf(nc);
  const stream = (name: string) => wireStream(namespace, name);
  const consumer = (name: string) => wireName(namespace, name);
  const stored = (message: StoredMsg | null) => message && withLocalSubject(namespace, message);
  const streamInfo = (info: StreamInfo) => localStreamInfo(namespace, info);
  const consumerInfo = (info: ConsumerInfo) => localConsumerInfo(namespace, info);
  return {
    streams: {
      info: async (name, query) => streamInfo(await streams.info(stream(name), wireFilters(namespace, query))),
      getMessage: async (name, query) => stored(await streams.getMessage(stream(name), wireFilters(namespace, query))),
      deleteMessage: (name, seq, erase) => streams.deleteMessage(stream(name), seq, erase),
      purge: (name, query) => streams.purge(stream(name), wireFilters(namespace, query)),
      add: async (config) => streamInfo(await streams.add(wireStreamConfig(namespace, config))),
      update: async (name, config) =>
        streamInfo(await streams.update(stream(name), wireStreamConfig(namespace, config))),
      delete: (name) => streams.delete(stream(name)),
    },
    consumers: {
      info: async (name, of) => consumerInfo(await consumers.info(stream(name), consumer(of))),
      add: async (name, config) =>
        consumerInfo(await consumers.add(stream(name), wireConsumerConfig(namespace, config))),
      update: async (name, of, config) =>
        consumerInfo(await consumers.update(stream(name), consumer(of), wireConsumerConfig(namespace, config))),
      delete: (name, of) => consumers.delete(stream(name), consumer(of)),
    },
    direct: {
      getMessage: async (name, query) => stored(await direct.getMessage(stream(name), wireFilters(namespace, query))),
    },
  };
}

const FILTERS: readonly string[] = ['last_by_subj', 'next_by_subj', 'subjects_filter', 'filter'];

/** The subjects by which a question is narrowed down. */
function wireFilters<Q extends object | undefined>(namespace: string, query: Q): Q {
  if (query === undefined) return query;
  const wire = Object.entries(query).map(([key, value]) => [
    key,
    FILTERS.includes(key) ? wireSubject(namespace, value as string) : value, // As the client's types have them.
  ]);
  return Object.fromEntries(wire) as Q; // The same fields.
}

export function wireStreamConfig<C extends Partial<StreamConfig>>(namespace: string, config: C): C {
  const { name, subjects } = config;
  return {
    ...config,
    ...(name === undefined ? {} : { name: wireStream(namespace, name) }),
    ...(subjects === undefined ? {} : { subjects: subjects.map((it) => wireSubject(namespace, it)) }),
  };
}

export function wireConsumerConfig(namespace: string, config: Partial<ConsumerConfig>): Partial<ConsumerConfig> {
  const { name, durable_name: durable, filter_subject: one, filter_subjects: several } = config;
  return {
    ...config,
    ...(name === undefined ? {} : { name: wireName(namespace, name) }),
    ...(durable === undefined ? {} : { durable_name: wireName(namespace, durable) }),
    ...(one === undefined ? {} : { filter_subject: wireSubject(namespace, one) }),
    ...(several === undefined ? {} : { filter_subjects: several.map((it) => wireSubject(namespace, it)) }),
  };
}

function localStreamInfo(namespace: string, info: StreamInfo): StreamInfo {
  const { config, state } = info;
  const local = (subject: string) => localSubject(namespace, subject);
  const subjects = Object.entries(state.subjects ?? {}).map(([subject, count]) => [local(subject), count]);
  return {
    ...info,
    config: { ...config, name: localStream(config.name), subjects: config.subjects.map(local) },
    state: state.subjects === undefined ? state : { ...state, subjects: Object.fromEntries(subjects) },
  };
}

function localConsumerInfo(namespace: string, info: ConsumerInfo): ConsumerInfo {
  const { config } = info;
  const { name, durable_name: durable, filter_subject: one, filter_subjects: several } = config;
  return {
    ...info,
    name: localName(info.name),
    stream_name: localStream(info.stream_name),
    config: {
      ...config,
      ...(name === undefined ? {} : { name: localName(name) }),
      ...(durable === undefined ? {} : { durable_name: localName(durable) }),
      ...(one === undefined ? {} : { filter_subject: localSubject(namespace, one) }),
      ...(several === undefined ? {} : { filter_subjects: several.map((it) => localSubject(namespace, it)) }),
    },
  };
}

/** The message itself, with its logical subject. */
export function withLocalSubject<M extends { readonly subject: string }>(namespace: string, message: M): M {
  const subject = localSubject(namespace, message.subject);
  if (subject === message.subject) return message;
  // All else is that of the message itself.
  return Object.create(message, { subject: { value: subject, enumerable: true } }) as M;
}

const ADVISORY = '$JS.EVENT.ADVISORY.';

/** A message of a consumer with its logical subject; the server's own notices name streams and consumers inside, too. */
export function localMessage(nc: NatsConnection, message: JsMsg): JsMsg {
  const namespace = namespaceOf(nc);
  const local = withLocalSubject(namespace, message);
  if (!local.subject.startsWith(ADVISORY)) return local;
  const data = Buffer.from(localAdvisory(message.string()));
  return Object.create(local, { data: { value: data, enumerable: true } }) as JsMsg; // All else is that of the message.
}

/** Text that is no notice is left as it is, for its reader to refuse. */
function localAdvisory(text: string): string {
  try {
    const { stream, consumer, ...rest } = JSON.parse(text) as Record<string, unknown>;
    if (typeof stream !== 'string' || typeof consumer !== 'string') return text;
    return JSON.stringify({ ...rest, stream: localStream(stream), consumer: localName(consumer) });
  } catch {
    return text;
  }
}

/** The server's codes for a stream and a consumer that are not there; the client's own table lacks them. */
const MISSING: readonly number[] = [10059, 10014];

/** Null if the question finds nothing. */
export async function unlessMissing<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof JetStreamApiError && MISSING.includes(error.code)) return null;
    throw error;
  }
}
