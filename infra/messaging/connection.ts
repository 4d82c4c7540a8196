/**
 * The one module that connects to nats-server, for actors, their readers and the command line. An actor's connection
 * never gives up: it waits for a server that is not there yet and reconnects for ever. A server that cannot do the job,
 * or does not want us, is refused at once, with the way out (refusal.ts).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type ConnectionOptions, type NatsConnection } from 'nats';
import { PermissionViolationError, type Status } from '@nats-io/nats-core';
import { PipelineError } from '../../contracts/errors.ts';
import type { Role } from '../../contracts/roles.ts';
import { FOREVER, retry } from '../../runtime/retry.ts';
import type { Logger } from '../../runtime/logger.ts';
import { usesJetStream } from '../access/permissions.ts';
import { serversIn, type Login } from '../config/nats.ts';
import { spareErrorsOfAnswers } from './answered.ts';
import { reportDenial, watchDenials } from './denial.ts';
import { greetingOf } from './greeting.ts';
import { useDomain, wireManagerOf } from './jetstream.ts';
import { loginOptions } from './login.ts';
import { explain, foreseen, isAuth, refusedLogin, type Refusal } from './refusal.ts';
import { useNamespace } from './wire.ts';
import { NAMESPACE_DEFAULT } from '../topology/namespace.ts';

spareErrorsOfAnswers();

/** The first nats-server with all that is used here: schedules with a target, per-message TTL, limits markers. */
export const SERVER_VERSION_MIN = '2.14.0';

/** Short enough to be unnoticed in a restart of the server, jittered so that many clients do not return at once. */
const RECONNECT_WAIT_MS = 200;
const RECONNECT_JITTER_MS = 200;
/** A login that was refused is not right a moment later; a server is spared the questions. */
const REFUSED_WAIT_MS = 2_000;
/** A half-open connection is noticed after two missed pings. */
const PING_INTERVAL_MS = 10_000;
const PINGS_MISSED_MAX = 2;
/** For all servers of a list together, so that a failure is explained within five seconds. */
const CONNECT_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MIN_MS = 1_000;
/** To look up the name of a host has no limit of its own. */
const LOOK_UP_TIMEOUT_MS = 500;
const JETSTREAM_TIMEOUT_MS = 1_500;
/** A server that is absent for longer than a normal start is worth a line in the log, again and again. */
const WAITING_NOTICE_MS = 4_500;
/** A command's user would rather hear that the server is gone. */
const COMMAND_RECONNECTS_MAX = 5;

export interface ConnectOptions {
  /** One URL, or several separated by commas. */
  readonly url: string;
  /** Absent: no login, and TLS only if the server or its address demands it. */
  readonly login?: Login | undefined;
  /** Shown by the server's monitoring: the actor's name. */
  readonly name: string;
  /** As whom one speaks, for messages about rights that are missing. */
  readonly role?: Role | undefined;
  readonly log: Logger;
  /** True for a command, which gives up at once where an actor waits for the server. */
  readonly isHasty?: boolean;
}

/**
 * Resolves when connected, however long that takes. Throws NATS_UNAVAILABLE if the server is unfit (and if it is away,
 * for a command), LOGIN_REFUSED if it and we do not trust each other, CONFIG_INVALID if a secret cannot be read.
 */
export async function connectNats(options: ConnectOptions): Promise<NatsConnection> {
  const session: Session = { ...options, refused: { isNow: false, toldAtMs: -Infinity } };
  const nc = options.isHasty ? await connectToAny(session) : await waitForAny(session);
  useNamespace(nc, options.login?.namespace ?? NAMESPACE_DEFAULT);
  if (options.login?.domain !== undefined) useDomain(nc, options.login.domain);
  watchDenials(nc, options.role ?? options.name);
  await refuseUnfit(nc, options);
  // It reads and logs until the connection is closed, and never rejects.
  void logStatus(nc, session);
  return nc;
}

/** Whether the server asks everybody who he is. If it does not, nobody is proven to be anybody. */
export const demandsLogin = (nc: NatsConnection): boolean => nc.info?.auth_required === true;

interface Session extends ConnectOptions {
  /** Whether the server turned the login away when the connection came back, and when that was last told. */
  readonly refused: { isNow: boolean; toldAtMs: number };
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

async function waitForAny(options: Session): Promise<NatsConnection> {
  const { url, log } = options;
  let why = 'it has not answered yet';
  const notice = setInterval(() => log.warn({ url, why }, 'still waiting for nats-server'), WAITING_NOTICE_MS);
  try {
    return await retry(
      {
        attemptsMax: FOREVER,
        pauseMs: RECONNECT_WAIT_MS,
        isWorthIt: (error) => error instanceof PipelineError && error.retryable,
        onFailure: (error) => (why = (error as PipelineError).message), // isWorthIt lets no other pass.
      },
      () => connectToAny(options),
    );
  } finally {
    clearInterval(notice);
  }
}

/** Tries each server once, in random order, and one at a time: so the reason is known of each that failed. */
async function connectToAny(options: Session): Promise<NatsConnection> {
  const servers = serversIn(options.url);
  const refusals: Refusal[] = [];
  for (const server of shuffled(servers)) {
    const outcome = await tryServer(server, servers, options);
    if ('nc' in outcome) return outcome.nc;
    refusals.push(outcome.refusal);
  }
  const isFinal = refusals.some(({ kind }) => kind === 'final');
  const wayOut = refusals.every(({ kind }) => kind === 'away') ? [START] : [];
  const message = [...refusals.map(({ sentence }) => sentence), ...wayOut].join('; ');
  throw new PipelineError(isFinal ? 'LOGIN_REFUSED' : 'NATS_UNAVAILABLE', message, { retryable: !isFinal });
}

const START = 'start the system with `npm start`, or name its server with --server or NATS_URL';

const shuffled = (servers: readonly string[]) =>
  servers
    .map((server) => ({ server, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ server }) => server);

type Outcome = { readonly nc: NatsConnection } | { readonly refusal: Refusal };

async function tryServer(server: string, all: readonly string[], options: Session): Promise<Outcome> {
  const { login = {} } = options;
  const timeoutMs = Math.max(CONNECT_TIMEOUT_MIN_MS, CONNECT_TIMEOUT_MS / all.length);
  // Before anything else, because it reads the secrets.
  const client = clientOptions(all, timeoutMs, options);
  const dial = (address: string) => bounded(connect({ ...client, servers: [address] }), timeoutMs);
  const heard = await greetingOf(server, { timeoutMs, isSilent: login.tls?.first ?? false });
  const refusal = foreseen(server, heard, login);
  if (refusal) return { refusal };
  try {
    const nc = await dial(server);
    // From here on the client goes from one to the next by itself, and to those of which they tell.
    if (all.length > 1) nc.setServers([...all]);
    return { nc };
  } catch (error) {
    const told = explain(server, error, login, heard);
    if (told.address === undefined) return { refusal: told };
    // The client names the failure of the last address of a host: that of the one which answers tells more.
    return dial(told.address).then(
      async (nc) => {
        await nc.close();
        return { refusal: told };
      },
      (reason: unknown) => ({ refusal: explain(server, reason, login, heard) }),
    );
  }
}

function clientOptions(
  all: readonly string[],
  timeoutMs: number,
  { login = {}, name, log, isHasty, refused }: Session,
): ConnectionOptions {
  const isTls = all.some((it) => it.startsWith('tls://'));
  const onTrouble = (why: string) => log.error({ why }, 'the login cannot be read anew; the one before is used');
  return {
    ...loginOptions(login, isTls, onTrouble),
    name,
    maxReconnectAttempts: isHasty ? COMMAND_RECONNECTS_MAX : -1,
    // A refused login may be put right while we wait: creds are read anew each time.
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: () =>
      refused.isNow ? REFUSED_WAIT_MS : RECONNECT_WAIT_MS + Math.floor(Math.random() * RECONNECT_JITTER_MS),
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: PINGS_MISSED_MAX,
    timeout: timeoutMs,
    // A stack trace taken for each request, in case it should fail, is an eighth of a busy orchestrator's time.
    noAsyncTraces: true,
  };
}

/** A connection that comes too late is closed. */
async function bounded(connecting: Promise<NatsConnection>, timeoutMs: number): Promise<NatsConnection> {
  const late = new AbortController();
  const limit = delay(timeoutMs + LOOK_UP_TIMEOUT_MS, null, { signal: late.signal }).catch(() => null);
  const nc = await Promise.race([connecting, limit]).finally(() => late.abort());
  if (nc !== null) return nc;
  connecting.then(
    (it) => it.close(),
    () => {},
  );
  throw new Error('no answer in time');
}

async function refuseUnfit(nc: NatsConnection, { url, login, role }: ConnectOptions): Promise<void> {
  const info = nc.info;
  const isOld = !info || !isAtLeast(info.version, SERVER_VERSION_MIN);
  const needsJetStream = role === undefined || usesJetStream(role);
  const lack = needsJetStream ? () => lackOfJetStream(nc, login?.domain) : () => null;
  const why = isOld ? `is version ${info?.version}` : await lack();
  if (why === null) return;
  await nc.close();
  throw new PipelineError(
    'NATS_UNAVAILABLE',
    `the nats-server at ${url} ${why}; needed are version ${SERVER_VERSION_MIN} or newer and JetStream (-js)`,
  );
}

/** Null if there is JetStream, or if it cannot be known: a user need not have the right to ask. */
async function lackOfJetStream(nc: NatsConnection, domain: string | undefined): Promise<string | null> {
  try {
    await wireManagerOf(nc, { checkApi: true, timeout: JETSTREAM_TIMEOUT_MS });
    return null;
  } catch (error) {
    // The client does not export the class.
    if ((error as Error).name !== 'JetStreamNotEnabled') return null;
    if (domain !== undefined) {
      return `has no JetStream in the domain "${domain}" for this account: correct nats.domain, or leave it out for the server's own`;
    }
    if (!nc.info?.jetstream) return 'runs without JetStream';
    return 'has no JetStream for this account: enable it there (docs/nats.md says how much it needs)';
  }
}

/** Ends when the connection is closed for good. */
async function logStatus(nc: NatsConnection, session: Session): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === 'reconnect') session.refused.isNow = false;
    if (status.type === 'error' && isAuth(status.error)) tellRefused(nc, status.error, session);
    else if (status.type === 'error' && status.error instanceof PermissionViolationError) {
      const { message, code } = reportDenial(nc, status.error);
      session.log.error({ code, subject: status.error.subject }, message);
    } else logOne(status, session.log);
  }
}

/** It is tried again and again, and told now and then. */
function tellRefused(nc: NatsConnection, error: Error, { refused, login = {}, log }: Session): void {
  refused.isNow = true;
  if (performance.now() - refused.toldAtMs < WAITING_NOTICE_MS) return;
  refused.toldAtMs = performance.now();
  const why = refusedLogin(nc.getServer(), error, login).sentence;
  log.error({ why }, 'nats-server refuses the login; trying again, with the login as it is then');
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
