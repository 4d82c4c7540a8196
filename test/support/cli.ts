/**
 * The command line as a user runs it: `node cli/nightshift.mjs` in a process of its own, without the configuration of
 * this one. All that it starts inherits a mark, so that a test can ask what is left of it.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { until } from './wait.ts';

export interface CliOptions {
  /** Where relative paths and nightshift.config.json are looked for. */
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** `runCli`: so long it may take, then it is killed, and its end has the signal SIGKILL. Absent: as long as the test. */
  readonly timeoutMs?: number;
}

export interface CliEnd {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly exited: Promise<CliEnd>;
  /** Standard output and error so far. */
  output(): string;
  /** Waits until the output matches; throws when the process ends without. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  /** `pid command` of it and all that it started, as far as they live. Empty where there is no /proc. */
  alive(): string[];
}

const PROGRAM = fileURLToPath(new URL('../../cli/nightshift.mjs', import.meta.url));
/** The variable whose value all processes of one command inherit. */
export const MARK = 'NIGHTSHIFT_TEST_CLI';
/** A cold start of Node and nats-server on a machine that does much else. */
const PRINT_TIMEOUT_MS = 60_000;
/** For the watchdog of a killed process to end its nats-server. */
const END_TIMEOUT_MS = 60_000;

/** Kills the process, if it still runs, and waits until nothing of it is left. */
export async function withCli<T>(
  args: readonly string[],
  options: CliOptions,
  use: (cli: CliProcess) => Promise<T>,
): Promise<T> {
  const cli = startCli(args, options);
  try {
    return await use(cli);
  } finally {
    cli.kill('SIGKILL');
    await cli.exited;
    await goneWith(cli);
  }
}

/** Runs a command to its end. */
export const runCli = (args: readonly string[], options: CliOptions): Promise<CliEnd> =>
  withCli(args, options, async (cli) => {
    const timer = options.timeoutMs === undefined ? null : setTimeout(() => cli.kill('SIGKILL'), options.timeoutMs);
    try {
      return await cli.exited;
    } finally {
      if (timer) clearTimeout(timer);
    }
  });

/** Waits until the process and all that it started have ended. */
export const goneWith = (cli: CliProcess) =>
  until(() => cli.alive().length === 0, `the end of all processes of the command`, END_TIMEOUT_MS);

/** The address that `start` prints. */
export async function serverOf(cli: CliProcess): Promise<string> {
  const [, url] = await cli.printed(/nats-server +(nats:\/\/\S+)/);
  return url!; // The pattern has one group.
}

/** Whether anybody listens at nats://host:port. */
export async function isListening(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    // Refused: nobody is there.
    return false;
  } finally {
    socket.destroy();
  }
}

/** Whether a process with this id exists. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    // ESRCH: there is none.
    return false;
  }
}

function startCli(args: readonly string[], { cwd, env = {} }: CliOptions): CliProcess {
  const mark = randomUUID();
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    env: { ...cleanEnvironment(), ...env, [MARK]: mark },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  let ended = false;
  // `close` rather than `exit`: the output is complete then.
  const exited = once(child, 'close').then(([code, signal]): CliEnd => {
    ended = true;
    return { code, signal, stdout: stdout(), stderr: stderr() };
  });
  const output = () => `${stdout()}${stderr()}`;
  const match = (pattern: RegExp) => {
    const found = pattern.exec(output());
    if (!found && ended) throw new Error(`${args.join(' ')} ended without printing ${pattern}:\n${output()}`);
    return found;
  };
  return {
    exited,
    output,
    printed: (pattern) => until(() => match(pattern), `${pattern} from ${args.join(' ')}`, PRINT_TIMEOUT_MS),
    kill: (signal) => void child.kill(signal),
    alive: () => markedProcesses(mark),
  };
}

/** Settings of whoever runs the tests must not reach the program, except the runner's own mark. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const foreign = ['NIGHTSHIFT_CONFIG', 'NIGHTSHIFT_STORE', 'NIGHTSHIFT_LOG_LEVEL'];
  const isForeign = (name: string) => name.startsWith('NATS_') || foreign.includes(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)));
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString('utf8');
}

/** `pid command` of the living processes that inherited the mark. */
export function markedProcesses(mark: string): string[] {
  const setting = `${MARK}=${mark}`;
  if (!existsSync('/proc/self/environ')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && readProc(name, 'environ').split('\0').includes(setting))
    .map((pid) => `${pid} ${readProc(pid, 'cmdline').replaceAll('\0', ' ').trim()}`);
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // Ended between the listing and the reading, or not ours to read.
    return '';
  }
}
