/**
 * A real nats-server, three replicas and a load generator, each in a process of its own, and some models with random
 * weights, which are as fast as trained ones. Called by bench/swap.ts.
 */
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from 'nats';
import { BUCKETS } from '../../contracts/subjects.ts';
import { DeploymentSchema } from '../../contracts/values.ts';
import { createBus } from '../../infra/bus.ts';
import { connectNats } from '../../infra/connection.ts';
import { createLogger } from '../../infra/logger.ts';
import { createRecordStore, openKv } from '../../infra/record-store.ts';
import { createReplicaStore } from '../../infra/replica-store.ts';
import { launchServer } from '../../infra/server.ts';
import { applyTopology } from '../../infra/topology.ts';
import { startProcess } from '../../services/processes.ts';
import type { Ledger } from './ledger.ts';
import { memoryOf } from './memory.ts';
import type { FromLoad, LoadStart, ReplicaStart, ToLoad } from './messages.ts';
import { makeModels, type Models, type ModelsOptions } from './models.ts';
import { createOperator, type Operator } from './operator.ts';

export interface RigOptions extends ModelsOptions {
  readonly replicas: number;
}

export interface Rig {
  readonly models: Models;
  readonly operator: Operator;
  startLoad(load: Pick<LoadStart, 'perSecond' | 'secondsMax'>): Promise<Load>;
  /** Of the replicas with their model hosts; null where the system does not tell. */
  memoryMb(): number | null;
}

export interface Load {
  /** Ends it, waits for what is under way, and gives what became of every request. */
  stop(): Promise<Ledger>;
}

const NAME = 'bench';

/** Returns what `use` does, after everything that was started has ended. */
export async function withRig<T>(options: RigOptions, use: (rig: Rig) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-'));
  const log = createLogger({ level: 'silent' });
  const server = await launchServer({ storeDir: join(folder, 'store'), log });
  const nc = await connectNats({ url: server.url, name: 'bench', log });
  const children: ChildProcess[] = [];
  try {
    await applyTopology(nc, { replicas: 1 });
    return await use(await open(nc, server.url, options, children));
  } finally {
    const ends = children.map((child) => child.exitCode === null && child.signalCode === null && once(child, 'exit'));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(ends);
    await nc.close();
    await server.stop();
    await rm(folder, { recursive: true });
  }
}

async function open(nc: NatsConnection, url: string, options: RigOptions, children: ChildProcess[]): Promise<Rig> {
  const start = async (file: string, message: ReplicaStart | ToLoad) => {
    const child = await startProcess(new URL(file, import.meta.url));
    children.push(child);
    child.send(message);
    await once(child, 'message');
    return child;
  };
  const models = await makeModels(nc, options);
  const replicas = await Promise.all(
    Array.from({ length: options.replicas }, (_, i) =>
      start('./replica.process.ts', { url, name: NAME, replicaId: `r${i + 1}` }),
    ),
  );
  return {
    models,
    operator: await openOperator(nc, options.replicas),
    startLoad: async (load) => {
      const { faces, answers } = models;
      const child = await start('./client.process.ts', {
        type: 'start',
        start: { url, name: NAME, faces, answers, ...load },
      });
      const ended = once(child, 'message') as Promise<[FromLoad]>;
      return {
        stop: async () => {
          child.send({ type: 'stop' } satisfies ToLoad);
          const [message] = await ended;
          if (message.type === 'ended') return message.ledger;
          throw new Error(`bench: the load says "${message.type}"`);
        },
      };
    },
    memoryMb: () => memoryOf(replicas.map(({ pid }) => pid!)), // They run.
  };
}

async function openOperator(nc: NatsConnection, replicas: number): Promise<Operator> {
  const log = createLogger({ level: 'warn' });
  const bus = await createBus({ nc, source: 'bench', log, now: () => new Date(), newId: randomUUID });
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  return createOperator({ bus, deployments, statuses: await createReplicaStore(nc), model: NAME, replicas });
}
