/**
 * The border between logical and wire names for what goes past JetStream: subscribing and asking over a connection. The
 * namespace belongs to the connection, as its JetStream domain does; jetstream.ts is the border of JetStream.
 */
import type { Msg, NatsConnection, Payload, RequestOptions, Subscription } from '@nats-io/nats-core';
import { localSubject, NAMESPACE_DEFAULT, wireName, wireSubject } from '../topology/namespace.ts';

const namespaces = new WeakMap<NatsConnection, string>();

/** Called once for a connection, by connection.ts. A connection without one has the default. */
export function useNamespace(nc: NatsConnection, namespace: string): void {
  namespaces.set(nc, namespace);
}

export const namespaceOf = (nc: NatsConnection): string => namespaces.get(nc) ?? NAMESPACE_DEFAULT;

/** As it goes over this connection. */
export const onWire = (nc: NatsConnection, subject: string): string => wireSubject(namespaceOf(nc), subject);
/** Of a subject that came over this connection. */
export const fromWire = (nc: NatsConnection, subject: string): string => localSubject(namespaceOf(nc), subject);

/** `subject` is logical, and so is that of a message; `message.subject` itself is as it came. */
export function hear(
  nc: NatsConnection,
  subject: string,
  callback: (error: Error | null, message: Msg) => void,
  { queue }: { readonly queue?: string } = {},
): Subscription {
  const group = queue === undefined ? {} : { queue: wireName(namespaceOf(nc), queue) };
  return nc.subscribe(onWire(nc, subject), { ...group, callback });
}

/** As the client's own `request`, on a logical subject. */
export const question = (nc: NatsConnection, subject: string, body: Payload, options: RequestOptions): Promise<Msg> =>
  nc.request(onWire(nc, subject), body, options);
