/** One replica in a process of its own, as `nightshift actor inference` runs it. Started by rig.ts. */
import { randomUUID } from 'node:crypto';
import { startBlobReader } from '../../actors/inference/blob-reader.ts';
import { startInference } from '../../actors/inference/inference.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { DeploymentSchema } from '../../contracts/release.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { createLogger } from '../../runtime/logger.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { createReplicaStore } from '../../infra/stores/replica-store.ts';
import type { ReplicaStart } from './messages.ts';

// A rejection ends this process.
process.on('message', (message: ReplicaStart) => void start(message));

async function start({ url, name: model, replicaId }: ReplicaStart): Promise<void> {
  const log = createLogger({ level: 'silent' });
  const nc = await connectNats({ url, name: `bench-${replicaId}`, log });
  const source = `inference/${replicaId}`;
  const bus = await createBus({ nc, source, log, now: () => new Date(), newId: randomUUID });
  const blobs = startBlobReader({ url, source });
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  const replicas = await createReplicaStore(nc);
  await startInference({ nc, bus, blobs, deployments, replicas, model, replicaId, log });
  process.send?.('started');
}
