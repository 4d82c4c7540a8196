/**
 * A real nats-server per test, in a bracket: fresh store, streams and buckets applied, everything closed and removed
 * afterwards. On failure the store and the server's log stay, and their path is printed.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { NatsConnection } from 'nats';
import { connectNats } from '../../infra/messaging/connection.ts';
import { createLogger, type Logger } from '../../runtime/logger.ts';
import { launchServer, type Server } from '../../infra/server/server.ts';
import { applyTopology } from '../../infra/topology/topology.ts';

export interface TestServer {
  readonly url: string;
  /** A connection of its own, closed at the end. */
  connect(name?: string): Promise<NatsConnection>;
  /** The server's store folder; the folder above it is the test's to use and is removed too. */
  readonly storeDir: string;
  readonly server: Server;
  /** Silent unless NIGHTSHIFT_LOG_LEVEL says otherwise. */
  readonly log: Logger;
}

/** For what a test waits on or logs through; errors that a test provokes are not noise on the terminal. */
export const testLogger = (): Logger =>
  createLogger({ level: (process.env['NIGHTSHIFT_LOG_LEVEL'] as 'debug' | undefined) ?? 'silent' });

const EVIDENCE_DIR = 'test-evidence';

/** `folder`: where its store lies, in a folder of its own. */
export const withServer = <T>(use: (test: TestServer) => Promise<T>, folder = tmpdir()): Promise<T> =>
  inFolder(async (test) => {
    await applyTopology(await test.connect('test-topology'), { replicas: 1 });
    return use(test);
  }, folder);

/** A server without any stream. */
export const withBareServer = <T>(use: (test: TestServer) => Promise<T>): Promise<T> => inFolder(use, tmpdir());

async function inFolder<T>(use: (test: TestServer) => Promise<T>, folder: string): Promise<T> {
  const home = mkdtempSync(join(folder, 'nightshift-test-'));
  const log = testLogger();
  try {
    const answer = await serve(join(home, 'store'), log, use);
    rmSync(home, { recursive: true });
    return answer;
  } catch (error) {
    console.error(`evidence of the failed test: ${keep(home)}`);
    throw error;
  }
}

async function serve<T>(storeDir: string, log: Logger, use: (test: TestServer) => Promise<T>): Promise<T> {
  const server = await launchServer({ storeDir, log });
  const connections: NatsConnection[] = [];
  const connect = async (name = 'test') => {
    const nc = await connectNats({ url: server.url, name, log });
    connections.push(nc);
    return nc;
  };
  try {
    return await use({ url: server.url, connect, storeDir, server, log });
  } finally {
    await Promise.all(connections.map((nc) => nc.close()));
    await server.stop();
  }
}

/** Moves the evidence out of the temporary folder and answers where it lies now. */
function keep(home: string): string {
  const kept = join(EVIDENCE_DIR, basename(home));
  mkdirSync(EVIDENCE_DIR, { recursive: true });
  cpSync(home, kept, { recursive: true });
  rmSync(home, { recursive: true });
  return kept;
}
