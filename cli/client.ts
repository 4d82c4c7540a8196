/**
 * What every command but `start` does: connect to the server of a running system, publish operator commands, ask
 * questions, hear events. It speaks the public subjects only, as any other NATS client could.
 */
import { randomUUID } from 'node:crypto';
import { connect, type Msg, type NatsConnection } from 'nats';
import { PipelineError, type ErrorCode } from '../contracts/errors.ts';
import { createBus, type Bus } from '../infra/messaging/bus.ts';
import type { Logger } from '../runtime/logger.ts';

export interface Client {
  readonly nc: NatsConnection;
  readonly bus: Bus;
  /** A question under nightshift.api.>; throws the answer's error. */
  ask<T>(subject: string, body?: object): Promise<T>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 3_000;
const ANSWER_TIMEOUT_MS = 5_000;

/** Throws NATS_UNAVAILABLE with what to do. Unlike an actor, a command gives up at once. */
export async function connectClient(url: string, log: Logger): Promise<Client> {
  const nc = await connect({
    servers: url,
    name: 'nightshift-cli',
    timeout: CONNECT_TIMEOUT_MS,
    maxReconnectAttempts: 5,
  }).catch((cause) => {
    const hint = 'start the system with `npm start`, or name its server with --server or NATS_URL';
    throw new PipelineError('NATS_UNAVAILABLE', `no nats-server answers at ${url}; ${hint}`, { cause });
  });
  const bus = await createBus({ nc, source: 'cli', log, now: () => new Date(), newId: randomUUID });
  return {
    nc,
    bus,
    ask: (subject, body = {}) => ask(nc, subject, body),
    close: () => nc.close(),
  };
}

async function ask<T>(nc: NatsConnection, subject: string, body: object): Promise<T> {
  const answer = await nc.request(subject, JSON.stringify(body), { timeout: ANSWER_TIMEOUT_MS }).catch((cause) => {
    throw new PipelineError('NATS_UNAVAILABLE', `nobody answered ${subject}: is an orchestrator running?`, { cause });
  });
  return readAnswer<T>(answer);
}

/** The body of an answer, or the error that its NATS micro headers carry. */
export function readAnswer<T>(answer: Msg): T {
  const message = answer.headers?.get('Nats-Service-Error');
  const body = answer.string();
  if (!message) return JSON.parse(body) as T;
  const code = body ? (JSON.parse(body) as { error?: { code?: ErrorCode } }).error?.code : undefined;
  throw new PipelineError(code ?? 'INTERNAL', message);
}
