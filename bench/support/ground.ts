/**
 * The ground of the benches of replicas: a real nats-server with the topology, and processes that are told what to do by
 * their first message. Nothing is left of it afterwards.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from 'nats';
import { connectNats } from '../../infra/messaging/connection.ts';
import { createLogger } from '../../runtime/logger.ts';
import { launchServer } from '../../infra/server/server.ts';
import { applyTopology } from '../../infra/topology/topology.ts';
import type { ModuleName } from '../../runtime/modules.ts';
import { startProcess } from '../../runtime/processes.ts';

export interface Ground {
  readonly nc: NatsConnection;
  readonly url: string;
  /** Resolves when the process has answered `message`. */
  start(module: ModuleName, message: object): Promise<ChildProcess>;
}

/** Started as in service. */
const SERVING: ReadonlySet<ModuleName> = new Set([
  'bench/serving/replica.process',
  'bench/swap/replica.process',
  'bench/gateway/gateway.process',
]);

/** Returns what `use` does, after everything that was started has ended. */
export async function withGround<T>(use: (ground: Ground) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-'));
  const log = createLogger({ level: 'silent' });
  const server = await launchServer({ storeDir: join(folder, 'store'), log });
  const nc = await connectNats({ url: server.url, name: 'bench', log });
  const children: ChildProcess[] = [];
  const start = async (module: ModuleName, message: object) => {
    const child = startProcess(module, { isServing: SERVING.has(module) });
    children.push(child);
    child.send(message);
    await once(child, 'message');
    return child;
  };
  try {
    await applyTopology(nc, { replicas: 1 });
    return await use({ nc, url: server.url, start });
  } finally {
    const running = children.filter((child) => child.exitCode === null && child.signalCode === null);
    const ends = running.map((child) => once(child, 'exit'));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(ends);
    await nc.close();
    await server.stop();
    await rm(folder, { recursive: true });
  }
}
