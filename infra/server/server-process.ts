/**
 * One nats-server process: configuration file, start, readiness, stop. It dies with us, even if we are killed with -9,
 * and a Ctrl-C in the terminal does not reach it before our own graceful stop. Needs a POSIX shell: on Windows, connect
 * to a server with NATS_URL. Called by server.ts alone.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../../contracts/errors.ts';

/**
 * Messages are far smaller (messaging/publish.ts allows 256 KiB); this leaves room for batches of images on the data
 * plane.
 */
export const PAYLOAD_BYTES_MAX = 8 * 1024 * 1024;
/** Recovery of a large store takes seconds; a server that is silent for this long is stuck. */
const START_TIMEOUT_MS = 60_000;
/**
 * A client that answers none of five pings is taken out of its queue groups: some six seconds after it was stopped, or its
 * host was lost. The event loop of a busy machine may be silent for five.
 */
const PING_INTERVAL = '1s';
const PINGS_MISSED_MAX = 5;
/** JetStream flushes and closes its files on SIGTERM; then it is killed. */
const STOP_TIMEOUT_MS = 15_000;

/**
 * The shell becomes nats-server (so its pid is the child's) and leaves a watchdog behind that reads the pipe from us
 * on descriptor 3. However we end, the kernel closes our end, the read returns, and the watchdog ends the server.
 */
const WATCHDOG = '(cat <&3 >/dev/null; kill -TERM $$) & exec "$0" "$@" 3<&-';

export interface ServerProcess {
  readonly pid: number;
  readonly url: string;
  /** Resolves when the process is gone, for whatever reason. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly binary: string;
  /** Absolute. Holds the configuration, the log and JetStream's files. */
  readonly storeDir: string;
  /** 0 lets the server choose a free one. */
  readonly port: number;
  /** The part of the configuration that says who may do what; empty: everybody may do everything. */
  readonly authorization: string;
  /** Given by the environment of the process; null: the store lies in clear. */
  readonly storeKey: string | null;
  /** Also logs every line of the protocol, but not what messages say: for tests. */
  readonly isTraced?: boolean;
}

export const logPathOf = (storeDir: string) => join(storeDir, 'nats-server.log');

/** Resolves when the server accepts connections. Throws NATS_UNAVAILABLE with the end of the server's log. */
export async function startServerProcess(options: StartOptions): Promise<ServerProcess> {
  const { storeDir } = options;
  const portsDir = join(storeDir, 'ports');
  rmSync(portsDir, { recursive: true, force: true });
  mkdirSync(portsDir, { recursive: true });
  const configPath = join(storeDir, 'nats-server.conf');
  writeFileSync(configPath, serverConfig(options, portsDir));

  const child = spawnWatched(options, ['-c', configPath]);
  const exited = exitOf(child);
  const giveUp = new AbortController();
  try {
    const url = await Promise.race([announcedUrl(portsDir, giveUp.signal), failOnExit(exited, storeDir)]);
    // A spawned child that reached this point has a pid.
    return { pid: child.pid as number, url, exited, stop: () => stop(child, exited) };
  } catch (error) {
    await stop(child, exited);
    throw error;
  } finally {
    giveUp.abort();
  }
}

const LOG_LIMITS = ['logfile_size_limit: 10MB', 'logfile_max_num: 3'];
/** The first byte of a message is shown: 0 would show all. */
const TRACE = ['trace: true', 'max_traced_msg_len: 1'];
/** nats-server reads it: arguments and files are seen by more people than an environment. */
const STORE_KEY_VARIABLE = 'JS_KEY';

/** `sync_interval: always`: an acknowledged message is on the disk, also when the operating system crashes. */
function serverConfig(options: StartOptions, portsDir: string): string {
  return [
    '# Written at each start; changes made here are lost.',
    'server_name: nightshift',
    'host: "127.0.0.1"',
    `port: ${options.port === 0 ? -1 : options.port}`,
    `ports_file_dir: ${JSON.stringify(portsDir)}`,
    `max_payload: ${PAYLOAD_BYTES_MAX}`,
    `ping_interval: "${PING_INTERVAL}"`,
    `ping_max: ${PINGS_MISSED_MAX}`,
    `log_file: ${JSON.stringify(logPathOf(options.storeDir))}`,
    ...(options.isTraced ? TRACE : LOG_LIMITS),
    'jetstream {',
    `  store_dir: ${JSON.stringify(join(options.storeDir, 'data'))}`,
    '  sync_interval: always',
    ...(options.storeKey === null ? [] : ['  cipher: aes', `  key: $${STORE_KEY_VARIABLE}`]),
    '}',
    options.authorization,
  ].join('\n');
}

function spawnWatched({ binary, storeDir, storeKey }: StartOptions, args: readonly string[]): ChildProcess {
  // Errors before the log file is open (a bad configuration, say) go to stderr: into the same file.
  const log = openSync(logPathOf(storeDir), 'a');
  try {
    // `detached` gives it a process group of its own: a Ctrl-C goes to ours alone.
    return spawn('/bin/sh', ['-c', WATCHDOG, binary, ...args], {
      detached: true,
      stdio: ['ignore', log, log, 'pipe'],
      env: { ...process.env, ...(storeKey === null ? {} : { [STORE_KEY_VARIABLE]: storeKey }) },
    });
  } finally {
    closeSync(log);
  }
}

/** A group lives as long as its watchdog does, so this cannot hit a stranger that was given the same pid. */
async function exitOf(child: ChildProcess) {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  signalGroup(child, 'SIGKILL');
  return { code, signal };
}

async function stop(child: ChildProcess, exited: ServerProcess['exited']): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch (error) {
    // ESRCH: the whole group is gone already, as was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The server writes `<program>_<pid>.ports` once it listens; the folder is watched rather than asked. */
function announcedUrl(portsDir: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const check = () => {
      const url = readPorts(portsDir);
      if (url !== null) resolve(url);
    };
    const watcher = watch(portsDir, check);
    const timer = setTimeout(() => reject(silent()), START_TIMEOUT_MS);
    signal.addEventListener('abort', () => {
      watcher.close();
      clearTimeout(timer);
    });
    check();
  });
}

const silent = () =>
  new PipelineError('NATS_UNAVAILABLE', `nats-server did not listen within ${START_TIMEOUT_MS / 1000} s`);

function readPorts(portsDir: string): string | null {
  const file = readdirSync(portsDir).find((name) => name.endsWith('.ports'));
  if (file === undefined) return null;
  const text = readFileSync(join(portsDir, file), 'utf8');
  // Seen half-written: the rest comes with the next event of the folder.
  if (!text.trimEnd().endsWith('}')) return null;
  return (JSON.parse(text) as { nats?: string[] }).nats?.[0] ?? null;
}

async function failOnExit(exited: ServerProcess['exited'], storeDir: string): Promise<never> {
  const { code, signal } = await exited;
  const log = readFileSync(logPathOf(storeDir), 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  throw new PipelineError(
    'NATS_UNAVAILABLE',
    `nats-server ended while starting (${signal ?? `exit code ${code}`}); end of ${logPathOf(storeDir)}:\n${log}`,
  );
}
