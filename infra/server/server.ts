/**
 * The nats-server that Nightshift uses: one that runs already (a URL is given), or one of our own, started on a
 * store folder, restarted if it crashes or its disk was full, stopped with us. Streams are not made here: see
 * topology/topology.ts.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../runtime/logger.ts';
import { pauseOf, type Pauses } from '../../runtime/retry.ts';
import { forgetAddress, openKeys, storeKeyIfAny, writeAddress } from '../access/keys.ts';
import { authorizationOf, type MoreRights } from '../access/server-users.ts';
import { NAMESPACE_DEFAULT } from '../topology/namespace.ts';
import { LAYOUT_1, UPGRADE_RIGHTS } from '../topology/upgrade.ts';
import { findServerBinary, type ServerBinary } from './server-binary.ts';
import { watchDisk, type DiskWatch } from './server-disk.ts';
import { lockStore, type StoreLock } from './server-lock.ts';
import { logPathOf, startServerProcess, type ServerProcess, type StartOptions } from './server-process.ts';

/** A server that crashes at once must not be restarted in a tight loop; after a single crash it is back at once. */
const RESTART: Pauses = { pauseMs: 100, growth: { factor: 2, pauseMaxMs: 10_000 } };
/** A server that ran for this long is healthy again: the wait starts anew. */
const HEALTHY_AFTER_MS = 60_000;

export interface LaunchOptions {
  /** A server that runs already (NATS_URL); nothing is started then. */
  readonly url?: string | undefined;
  /** Where the embedded server keeps its data, configuration and log. Made if it is not there. */
  readonly storeDir: string;
  /** 0 or absent: any free port. */
  readonly port?: number;
  /**
   * Lets in the roles alone, each by its key in the store's folder `keys` and to its own subjects, and encrypts the
   * store. Absent: everybody may do everything, and a store is encrypted only if it was before.
   */
  readonly hasIdentities?: boolean;
  /** Of the names to which the roles have rights. Absent: the default. */
  readonly namespace?: string;
  /** Rights of the roles beside their own, as the configuration adds them. */
  readonly more?: MoreRights;
  /** See server-process.ts. */
  readonly isTraced?: boolean;
  readonly log: Logger;
}

export interface Server {
  readonly url: string;
  /** Of the embedded server; changes when it was restarted. Null for a server that is not ours. */
  readonly pid: number | null;
  readonly source: 'url' | ServerBinary['source'];
  /** Null for a server that is not ours: known after connecting. */
  readonly version: string | null;
  /** The embedded server's log file. */
  readonly logPath: string | null;
  /** Graceful; may be called twice. Never touches a server that is not ours. */
  stop(): Promise<void>;
}

/** Resolves when the server accepts connections. Throws NATS_UNAVAILABLE with the ways out. */
export async function launchServer(options: LaunchOptions): Promise<Server> {
  if (options.url !== undefined) return foreignServer(options.url);
  const storeDir = resolve(options.storeDir);
  mkdirSync(storeDir, { recursive: true });
  const binary = await findServerBinary();
  const lock = await lockStore(storeDir);
  try {
    const { port = 0, isTraced = false, hasIdentities = false } = options;
    const start = { binary: binary.path, storeDir, port, isTraced, ...accessOf(options, storeDir) };
    const server = await EmbeddedServer.start(start, binary, lock, options);
    if (hasIdentities) writeAddress(storeDir, server.url);
    else forgetAddress(storeDir);
    return server;
  } catch (error) {
    lock.release();
    throw error;
  }
}

function accessOf(
  { hasIdentities = false, namespace = NAMESPACE_DEFAULT, more = {} }: LaunchOptions,
  storeDir: string,
): Pick<StartOptions, 'authorization' | 'storeKey'> {
  if (!hasIdentities) return { authorization: '', storeKey: storeKeyIfAny(storeDir) };
  const { publicKeys, storeKey } = openKeys(storeDir);
  return {
    authorization: authorizationOf(namespace, (role) => publicKeys[role], [], {
      ...more,
      ...(hasLayout1(storeDir) && { setup: UPGRADE_RIGHTS }),
    }),
    storeKey,
  };
}

/** Streams of 0.4.0 or before, which the start brings to the names of today. */
const hasLayout1 = (storeDir: string): boolean =>
  Object.keys(LAYOUT_1).some((stream) => existsSync(join(storeDir, 'data/jetstream/$G/streams', stream)));

const foreignServer = (url: string): Server => ({
  url,
  pid: null,
  source: 'url',
  version: null,
  logPath: null,
  stop: async () => {},
});

/** Holds the process of the moment: a crashed one is replaced on the same port, so that clients find it again. */
class EmbeddedServer implements Server {
  readonly source: ServerBinary['source'];
  readonly version: string;
  readonly logPath: string;
  readonly #start: StartOptions;
  readonly #lock: StoreLock;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #supervision: Promise<void>;
  readonly #disk: DiskWatch;
  #process: ServerProcess;

  private constructor(start: StartOptions, first: ServerProcess, binary: ServerBinary, lock: StoreLock, log: Logger) {
    this.source = binary.source;
    this.version = binary.version;
    this.logPath = logPathOf(start.storeDir);
    this.#start = { ...start, port: Number(new URL(first.url).port) };
    this.#process = first;
    this.#lock = lock;
    this.#log = log;
    lock.setServer(first.pid);
    this.#supervision = this.#supervise();
    // The supervision starts an ended server again. Stopping waits for the end and never rejects.
    const onRoom = () => void this.#process.stop();
    this.#disk = watchDisk({ storeDir: start.storeDir, logPath: this.logPath, onRoom, log });
  }

  static async start(start: StartOptions, binary: ServerBinary, lock: StoreLock, { log }: LaunchOptions) {
    const first = await startServerProcess(start);
    log.debug({ url: first.url, pid: first.pid, version: binary.version, source: binary.source }, 'nats-server runs');
    return new EmbeddedServer(start, first, binary, lock, log);
  }

  get url(): string {
    return this.#process.url;
  }

  get pid(): number {
    return this.#process.pid;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#disk.stop();
    await this.#process.stop();
    await this.#supervision;
    this.#lock.release();
  }

  async #supervise(): Promise<void> {
    let crashes = 0;
    while (true) {
      const startedAt = Date.now();
      const ended = await this.#process.exited;
      if (this.#stopping.signal.aborted) return;
      crashes = Date.now() - startedAt > HEALTHY_AFTER_MS ? 1 : crashes + 1;
      const waitMs = pauseOf(RESTART, crashes);
      this.#log.error({ ...ended, log: this.logPath, waitMs }, 'nats-server ended unexpectedly; starting it again');
      await delay(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
      await this.#restart();
    }
  }

  /** A failed start leaves the ended process in place, so that the supervision waits longer and tries again. */
  async #restart(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    try {
      this.#process = await startServerProcess(this.#start);
      this.#lock.setServer(this.#process.pid);
    } catch (err) {
      this.#log.error({ err }, 'nats-server could not be started again');
    }
    // stop() was called while it started and saw only the process before it.
    if (this.#stopping.signal.aborted) await this.#process.stop();
  }
}
