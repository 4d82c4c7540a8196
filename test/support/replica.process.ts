/** One replica in a process of its own, so that a test can stop or kill it as a whole. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { startInference } from '../../actors/inference/inference.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { DeploymentSchema } from '../../contracts/release.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { createReplicaStore } from '../../infra/stores/replica-store.ts';
import { testLogger } from './server.ts';

export interface ReplicaOrder {
  readonly url: string;
  readonly model: string;
  readonly replicaId: string;
}

const [{ url, model, replicaId }] = (await once(process, 'message')) as [ReplicaOrder];
const log = testLogger();
const nc = await connectNats({ url, name: replicaId, log });
await startInference({
  ...{ nc, model, replicaId, log },
  bus: await createBus({ nc, source: `inference/${replicaId}`, log, now: () => new Date(), newId: randomUUID }),
  blobs: createBlobStore(nc),
  deployments: createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema }),
  replicas: await createReplicaStore(nc),
});
process.send?.('serves');
