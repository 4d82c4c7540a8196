/**
 * JetStream over a connection, in the domain for which the connection was made. Everything in infra/ that speaks to
 * JetStream gets its client here, so that no part forgets the domain.
 */
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';

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

export function clientOf(nc: NatsConnection): JetStreamClient {
  const client = clients.get(nc) ?? jetstream(nc, domainOf(nc));
  clients.set(nc, client);
  return client;
}

/** `checkApi`: asks whether JetStream is there, which connection.ts has done before anybody else. */
export const managerOf = (
  nc: NatsConnection,
  { checkApi = false, ...options }: { checkApi?: boolean; timeout?: number } = {},
): Promise<JetStreamManager> => jetstreamManager(nc, { checkAPI: checkApi, ...options, ...domainOf(nc) });

/**
 * The subject on which a key of a KV bucket is written. A server in between keeps `$KV` of another domain from passing, so
 * it goes by the domain's own name, as the KV client does it.
 */
export function kvWriteSubject(nc: NatsConnection, bucket: string, key: string): string {
  const domain = domains.get(nc);
  return `${domain === undefined ? '' : `$JS.${domain}.API.`}$KV.${bucket}.${key}`;
}
