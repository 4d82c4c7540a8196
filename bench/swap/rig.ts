/**
 * A real nats-server, three replicas and a load generator, each in a process of its own, and some models with random
 * weights, which are as fast as trained ones. Called by bench/swap/swap.ts.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { NatsConnection } from 'nats';
import { BUCKETS } from '../../contracts/subjects.ts';
import { DeploymentSchema } from '../../contracts/release.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import type { ModuleName } from '../../runtime/modules.ts';
import { createLogger } from '../../runtime/logger.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { createReplicaStore } from '../../infra/stores/replica-store.ts';
import { withGround, type Ground } from '../support/ground.ts';
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

export function withRig<T>(options: RigOptions, use: (rig: Rig) => Promise<T>): Promise<T> {
  return withGround(async (ground) => use(await open(ground, options)));
}

async function open({ nc, url, start: startModule }: Ground, options: RigOptions): Promise<Rig> {
  const start = (module: ModuleName, message: ReplicaStart | ToLoad) => startModule(module, message);
  const models = await makeModels(nc, options);
  const replicas = await Promise.all(
    Array.from({ length: options.replicas }, (_, i) =>
      start('bench/swap/replica.process', { url, name: NAME, replicaId: `r${i + 1}` }),
    ),
  );
  return {
    models,
    operator: await openOperator(nc, options.replicas),
    startLoad: async (load) => {
      const { faces, answers } = models;
      const child = await start('bench/swap/client.process', {
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
