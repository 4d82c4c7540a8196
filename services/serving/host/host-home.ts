/**
 * The private folder of a process that has model hosts: their model files, and the socket by which they reach it. One
 * per process, made when it is first needed and removed when the process ends; the folder of a killed process is
 * removed by the next. Whether an owner lives is asked of its socket, which is right across containers as well.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openChannel, type Channel } from '../../../runtime/channel.ts';

export interface HostHome {
  readonly folder: string;
  readonly socketPath: string;
  /** `use` gets the channel of the host that says this first of all. */
  expect(hostId: string, use: (channel: Channel) => void): void;
  /** It will not come. */
  forget(hostId: string): void;
}

const PREFIX = 'nightshift-hosts-';
const SOCKET = 'hosts.sock';

let home: Promise<HostHome> | null = null;

export function hostHome(): Promise<HostHome> {
  home ??= openHome(tmpdir());
  // A home that cannot be made now may be made later.
  home.catch(() => (home = null));
  return home;
}

export async function openHome(parent: string): Promise<HostHome> {
  await removeOwnerless(parent);
  const folder = await mkdtemp(join(parent, PREFIX));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const expected = new Map<string, (channel: Channel) => void>();
  const server = createServer((socket) => {
    const channel = openChannel(socket);
    channel.onMessage = (hostId) => {
      const use = expected.get(String(hostId)) ?? channel.close;
      expected.delete(String(hostId));
      use(channel);
    };
  });
  const socketPath = join(folder, SOCKET);
  await listen(server, socketPath);
  return {
    ...{ folder, socketPath },
    expect: (hostId, use) => void expected.set(hostId, use),
    forget: (hostId) => void expected.delete(hostId),
  };
}

/** Under another name first: a socket that is bound and does not listen yet looks as if its owner were gone. */
async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(`${path}.new`, resolve);
  });
  server.unref();
  await rename(`${path}.new`, path);
}

async function removeOwnerless(parent: string): Promise<void> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(PREFIX));
  for (const folder of names.map((name) => join(parent, name)))
    if (await isOwnerless(join(folder, SOCKET))) await rm(folder, { recursive: true, force: true });
}

/** Also a stopped owner answers, because the kernel does. If it cannot be told, there is one. */
function isOwnerless(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath, () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED'));
  });
}
