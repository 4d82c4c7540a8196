/**
 * A bare NATS responder beside the product: three of them in a queue group, which answer at once and know nothing of models
 * or stores. Its failures are those that the servers alone cause; a replica should not fail more.
 */
import { connect, type NatsConnection } from 'nats';

const SUBJECT = 'bare.responder';
const RESPONDERS = 3;

export interface Bare {
  /** Over any connection, with the deadline of a client's request; rejects as the library does. */
  ask(nc: NatsConnection, body: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export async function startBare(servers: readonly string[]): Promise<Bare> {
  const open = () => connect({ servers: [...servers], maxReconnectAttempts: -1, waitOnFirstConnect: true });
  const responders = await Promise.all(Array.from({ length: RESPONDERS }, open));
  for (const nc of responders)
    nc.subscribe(SUBJECT, { queue: 'bare', callback: (_, message) => void message.respond(ANSWER) });
  await Promise.all(responders.map((nc) => nc.flush()));
  return {
    ask: async (nc, body) => void (await nc.request(SUBJECT, body, { timeout: DEADLINE_MS })),
    close: async () => void (await Promise.all(responders.map((nc) => nc.close()))),
  };
}

const ANSWER = new Uint8Array(64);
/** As that of nightshift/client by default. */
const DEADLINE_MS = 5_000;
