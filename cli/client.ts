/**
 * The connection of every command but `start` to the server of a running system: it publishes operator commands, asks
 * questions and hears events. It speaks the public subjects only, as any other NATS client could.
 */
import { randomUUID } from 'node:crypto';
import type { NatsConnection } from 'nats';
import type { Answer, ApiSubject, Question } from '../contracts/api.ts';
import { parseSubject } from '../contracts/parse-subject.ts';
import type { Role } from '../contracts/roles.ts';
import { commandAs } from '../contracts/subjects.ts';
import type { Login } from '../infra/config/nats.ts';
import { ask } from '../infra/messaging/ask-api.ts';
import { createBus, type Bus } from '../infra/messaging/bus.ts';
import { connectNats } from '../infra/messaging/connection.ts';
import type { Logger } from '../runtime/logger.ts';

export { ask, readAnswer } from '../infra/messaging/ask-api.ts';

export interface Client {
  readonly nc: NatsConnection;
  readonly bus: Bus;
  /** The person in whose name it sends commands; null: the role's. */
  readonly who: string | null;
  /** A question of contracts/api.ts. Throws the answer's error, and MESSAGE_MALFORMED if the answer does not fit. */
  ask<S extends ApiSubject>(subject: S, question: Question<S>): Promise<Answer<S>>;
  close(): Promise<void>;
}

/** Throws as connectNats does. Unlike an actor, a command gives up at once. */
export async function connectClient(url: string, log: Logger, login?: Login, role?: Role): Promise<Client> {
  const nc = await connectNats({ url, login, name: 'nightshift-cli', role, log, isHasty: true });
  const bus = await createBus({ nc, source: 'cli', log, now: () => new Date(), newId: randomUUID });
  return {
    nc,
    bus,
    who: null,
    ask: (subject, asked) => ask(nc, subject, asked),
    close: () => nc.close(),
  };
}

/** The same client that publishes operator commands on the subjects of a named person. */
export function clientAs(client: Client, who: string | null): Client {
  if (who === null) return client;
  const { bus } = client;
  const named = (subject: string) => {
    const parsed = parseSubject(subject);
    return parsed.family === 'operator-command' ? commandAs(parsed.command, who) : subject;
  };
  return { ...client, who, bus: { ...bus, publish: (subject, ...rest) => bus.publish(named(subject), ...rest) } };
}
