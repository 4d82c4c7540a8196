/**
 * Servers that a user would pick instead, each with the same model, one worker of one thread, behind HTTP: pixels in,
 * JSON out, as with a replica. They are Python programs (peers/*.py) of whatever Python the bench is given.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ImageSpec } from '../../contracts/dataset.ts';
import { until } from '../support/until.ts';

/** Name -> its program, and the module without which it is not installed. */
export const PEERS = {
  bentoml: { program: 'bentoml_serve.py', module: 'bentoml' },
  'ray-serve': { program: 'ray_serve.py', module: 'ray.serve' },
} as const;
export type PeerName = keyof typeof PEERS;

export interface PeerOptions {
  /** A Python in which the server and onnxruntime are installed. */
  readonly python: string;
  readonly model: Uint8Array;
  readonly image: ImageSpec;
  readonly batchMax: number;
  readonly pixels: Uint8Array;
}

/** Ray alone takes half a minute on a busy machine. */
const START_MS = 120_000;
const STOP_MS = 15_000;

/** Null where the server is not installed; else what `use` returns, which gets the address of the running server. */
export async function withPeer<T>(
  name: PeerName,
  options: PeerOptions,
  use: (url: string) => Promise<T>,
): Promise<T | null> {
  if (!(await isInstalled(name, options.python))) return null;
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-peer-'));
  const model = join(folder, 'model.onnx');
  await writeFile(model, options.model);
  const port = await freePort();
  const program = fileURLToPath(new URL(`./peers/${PEERS[name].program}`, import.meta.url));
  const { channels, height, width } = options.image;
  const args = [program, model, port, channels, height, width, options.batchMax].map(String);
  // A group of its own, because these servers start processes in turn.
  const child = spawn(options.python, args, { stdio: 'ignore', detached: true });
  const exited = once(child, 'exit');
  try {
    const url = `http://127.0.0.1:${port}/`;
    await until(() => answers(url, options.pixels), `${name} answers`, START_MS);
    return await use(url);
  } finally {
    await stopGroup(child.pid, exited);
    await rm(folder, { recursive: true, force: true });
  }
}

async function isInstalled(name: PeerName, python: string): Promise<boolean> {
  const probe = spawn(python, ['-c', `import onnxruntime, ${PEERS[name].module}`], { stdio: 'ignore' });
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.once('exit', (code) => resolve(code === 0));
  });
}

async function answers(url: string, pixels: Uint8Array): Promise<boolean> {
  try {
    const response = await fetch(url, { method: 'POST', body: new Uint8Array(pixels) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false; // Not listening yet.
  }
}

async function stopGroup(pid: number | undefined, exited: Promise<unknown>): Promise<void> {
  if (pid === undefined) return;
  signalGroup(pid, 'SIGINT');
  const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), STOP_MS);
  await exited;
  clearTimeout(timer);
  signalGroup(pid, 'SIGKILL');
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // ESRCH: all of them have ended.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // It listens on a port and not on a path.
  server.close();
  await once(server, 'close');
  return port;
}
