/** One replica in a process of its own, as `nightshift actor inference` runs it, whose host can be lost on order. */
import { randomUUID } from 'node:crypto';
import { startBlobReader } from '../../actors/inference/blob-reader.ts';
import { startInference } from '../../actors/inference/inference.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { DeploymentSchema } from '../../contracts/release.ts';
import { TracesConfigSchema } from '../../infra/config/traces.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { createLogger } from '../../runtime/logger.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { createReplicaStore } from '../../infra/stores/replica-store.ts';
import { openTracer } from '../../infra/telemetry/open-tracer.ts';
import type { HostProcess } from '../../services/serving/host/host-process.ts';
import { keepSpare } from '../../services/serving/host/host-spares.ts';
import type { FromReplica, ToReplica } from './messages.ts';

const spares = keepSpare();
/** In the order of their loads: the first serves, until it is lost. */
const serving: HostProcess[] = [];
const processes = {
  ...spares,
  take: async () => {
    const taken = await spares.take();
    serving.push(taken);
    // `ended` never rejects.
    void taken.ended.then(() => serving.splice(serving.indexOf(taken), 1));
    return taken;
  },
};

process.on('message', (message: ToReplica) => {
  // A rejection ends this process.
  if (message.type === 'start') return void start(message);
  const host = serving[0];
  if (host) process.kill(host.pid, message.signal);
});

async function start({ url, name: model, traces }: Extract<ToReplica, { type: 'start' }>): Promise<void> {
  const log = createLogger({ level: 'silent' });
  const nc = await connectNats({ url, name: 'bench-replica', log });
  const source = 'inference/bench';
  const config = { traces: TracesConfigSchema.parse(traces ?? {}), nats: { namespace: 'bench' } };
  const tracer = traces ? await openTracer({ config, actor: 'inference', log }) : null;
  const bus = await createBus({ nc, source, log, now: () => new Date(), newId: randomUUID, tracer });
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  const replicas = await createReplicaStore(nc);
  const blobs = startBlobReader({ url, source });
  await startInference({ nc, bus, blobs, deployments, replicas, model, replicaId: 'bench', log, processes, tracer });
  const ready: FromReplica = { type: 'ready' };
  process.send?.(ready);
}
