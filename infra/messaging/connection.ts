/**
 * One NATS connection that never gives up: it waits for a server that is not there yet and reconnects for ever.
 * It also refuses a server that cannot do the job (too old, or without JetStream), once, with the way out.
 */
import { connect, type NatsConnection } from 'nats';
import type { Status } from '@nats-io/nats-core';
import { PipelineError } from '../../contracts/errors.ts';
import type { Logger } from '../../runtime/logger.ts';

/** The first nats-server with all that is used here: schedules with a target, per-message TTL, limits markers. */
export const SERVER_VERSION_MIN = '2.14.0';

/** Short enough to be unnoticed in a restart of the server, jittered so that many clients do not return at once. */
const RECONNECT_WAIT_MS = 200;
const RECONNECT_JITTER_MS = 200;
/** A half-open connection is noticed after two missed pings. */
const PING_INTERVAL_MS = 10_000;
const PINGS_MISSED_MAX = 2;
const CONNECT_TIMEOUT_MS = 5_000;
/** A server that is absent for longer than a normal start is worth a line in the log, again and again. */
const WAITING_NOTICE_MS = 5_000;

export interface ConnectOptions {
  /** One URL, or several separated by commas. */
  readonly url: string;
  /** Shown by the server's monitoring: the actor's name. */
  readonly name: string;
  readonly log: Logger;
}

/** Resolves when connected, however long that takes. Throws NATS_UNAVAILABLE if the server is unfit. */
export async function connectNats(options: ConnectOptions): Promise<NatsConnection> {
  const { url, name, log } = options;
  const notice = setInterval(() => log.warn({ url }, 'still waiting for nats-server'), WAITING_NOTICE_MS);
  try {
    const nc = await connect({
      servers: url.split(',').map((server) => server.trim()),
      name,
      maxReconnectAttempts: -1,
      waitOnFirstConnect: true,
      reconnectTimeWait: RECONNECT_WAIT_MS,
      reconnectJitter: RECONNECT_JITTER_MS,
      reconnectJitterTLS: RECONNECT_JITTER_MS,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: PINGS_MISSED_MAX,
      timeout: CONNECT_TIMEOUT_MS,
      // A stack trace taken for each request, in case it should fail, is an eighth of a busy orchestrator's time.
      noAsyncTraces: true,
    });
    // It reads and logs until the connection is closed, and never rejects.
    void logStatus(nc, log);
    await refuseUnfit(nc, url);
    return nc;
  } finally {
    clearInterval(notice);
  }
}

/** Compares `2.14.0`-like versions; a suffix such as `-beta.1` is left out of account. */
export function isAtLeast(version: string, minimum: string): boolean {
  const [have, need] = [numbers(version), numbers(minimum)];
  for (let part = 0; part < 3; part++) {
    const difference = (have[part] ?? 0) - (need[part] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

const numbers = (version: string) => (version.match(/\d+/g) ?? []).slice(0, 3).map(Number);

async function refuseUnfit(nc: NatsConnection, url: string): Promise<void> {
  const info = nc.info;
  if (info && isAtLeast(info.version, SERVER_VERSION_MIN) && info.jetstream) return;
  await nc.close();
  const why = info?.jetstream ? `is version ${info.version}` : 'runs without JetStream';
  throw new PipelineError(
    'NATS_UNAVAILABLE',
    `the nats-server at ${url} ${why}; needed are version ${SERVER_VERSION_MIN} or newer and JetStream (-js)`,
  );
}

/** Ends when the connection is closed for good. */
async function logStatus(nc: NatsConnection, log: Logger): Promise<void> {
  for await (const status of nc.status()) logOne(status, log);
}

function logOne(status: Status, log: Logger): void {
  switch (status.type) {
    case 'disconnect':
      return log.warn({ server: status.server }, 'connection to nats-server lost; reconnecting');
    case 'reconnect':
      return log.info({ server: status.server }, 'connected to nats-server again');
    case 'error':
      return log.error({ err: status.error }, 'nats-server reported an error');
    case 'slowConsumer':
      return log.warn({ pending: status.pending }, 'slow consumer: messages arrive faster than they are handled');
    case 'reconnecting':
    case 'update':
    case 'ldm':
    case 'ping':
    case 'staleConnection':
    case 'forceReconnect':
    case 'close':
      return log.debug({ type: status.type }, 'connection status');
  }
}
