/**
 * Temporal beside the saga: its development server (`temporal server start-dev`, one process with SQLite) and a worker
 * in Python (bench/saga/peers/temporal_nights.py), once with its state in a file and once in memory. Called by saga.ts.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { until } from '../support/until.ts';

export type TemporalState = 'file' | 'memory';

export interface TemporalFigures {
  readonly state: TemporalState;
  /** Median of a workflow of four activities without work. */
  readonly nightMs: number;
  readonly startToFirstMs: number;
  /** Activity completions. */
  readonly perSecond: number;
}

export interface TemporalOptions {
  /** The program `temporal`. */
  readonly server: string;
  /** A Python that has `temporalio`. */
  readonly python: string;
  readonly nights: number;
  readonly sideBySide: number;
  readonly seconds: number;
}

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('./peers/temporal_nights.py', import.meta.url));
/** It makes its tables first. */
const START_MS = 60_000;
const CLIENT_MS = 120_000;

/** Why Temporal cannot be measured here, or null. */
export async function temporalLacks({ server, python }: TemporalOptions): Promise<string | null> {
  const works = (program: string, args: string[]) =>
    run(program, args).then(
      () => true,
      () => false,
    );
  if (!(await works(server, ['--version']))) return `no program ${server}`;
  return (await works(python, ['-c', 'import temporalio'])) ? null : `${python} has no temporalio`;
}

export async function measureTemporal(state: TemporalState, options: TemporalOptions): Promise<TemporalFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-temporal-'));
  const port = await freePort();
  const database = state === 'file' ? ['--db-filename', join(folder, 'temporal.db')] : [];
  const args = ['server', 'start-dev', '--headless', '--log-level', 'error', '--port', String(port), ...database];
  const child = spawn(options.server, args, { stdio: 'ignore' });
  try {
    await until(() => isHealthy(options.server, port), 'the Temporal server answers', START_MS);
    const { nights, sideBySide, seconds } = options;
    const how = [`127.0.0.1:${port}`, nights, sideBySide, seconds].map(String);
    const { stdout } = await run(options.python, [PROGRAM, ...how], { timeout: CLIENT_MS });
    // Written by the program beside this file.
    return { state, ...(JSON.parse(stdout) as Omit<TemporalFigures, 'state'>) };
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await rm(folder, { recursive: true, force: true });
  }
}

/** It accepts connections before its namespace is there. */
const isHealthy = async (server: string, port: number) =>
  (await accepts(port)) &&
  run(server, ['operator', 'namespace', 'describe', 'default', '--address', `127.0.0.1:${port}`]).then(
    () => true,
    () => false,
  );

const accepts = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // It listens on TCP.
  server.close();
  await once(server, 'close');
  return port;
}
