/** Three nats-servers that form a cluster with JetStream, each a process of its own that can be killed and started again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { findServerBinary } from '../../infra/server/server-binary.ts';

export interface Cluster {
  /** One address per server. */
  readonly urls: readonly string[];
  /** With SIGKILL; resolves when it is gone. */
  kill(server: number): Promise<void>;
  /** On the same ports and store. */
  start(server: number): void;
}

const SERVERS = [0, 1, 2];

export async function withCluster<T>(folder: string, use: (cluster: Cluster) => Promise<T>): Promise<T> {
  const { path } = await findServerBinary();
  const ports = await freePorts(2 * SERVERS.length);
  const routes = SERVERS.map((it) => `nats://127.0.0.1:${ports[SERVERS.length + it]}`);
  const processes = new Map<number, ChildProcess>();
  const start = (server: number) => {
    const store = join(folder, `server-${server}`);
    mkdirSync(store, { recursive: true });
    const file = join(folder, `server-${server}.conf`);
    const lines = [
      `server_name: n${server}\nhost: "127.0.0.1"\nport: ${ports[server]}\nmax_payload: 8MB`,
      `jetstream { store_dir: ${JSON.stringify(store)}, max_file_store: 4GB }\nlog_file: ${JSON.stringify(`${store}.log`)}`,
      `cluster { name: test, listen: "127.0.0.1:${ports[SERVERS.length + server]}", routes: ${JSON.stringify(routes)} }`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    processes.set(server, spawn(path, ['-c', file], { stdio: 'ignore' }));
  };
  const kill = async (server: number) => {
    const child = processes.get(server);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  SERVERS.forEach(start);
  try {
    return await use({ urls: SERVERS.map((it) => `nats://127.0.0.1:${ports[it]}`), kill, start });
  } finally {
    await Promise.all(SERVERS.map(kill));
  }
}

/** Held all at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((it) => once(it, 'listening')));
  const ports = servers.map((it) => (it.address() as AddressInfo).port); // A TCP server's address is never a path.
  await Promise.all(servers.map((it) => once(it.close(), 'close')));
  return ports;
}
