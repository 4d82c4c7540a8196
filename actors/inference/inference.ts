/**
 * The inference actor: one replica of one model. It follows the deployment record, serves the epoch in service, and
 * says what it holds. Several replicas share the requests through a queue group; none knows of another.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { Deployment, ModelPair, ReplicaStatus } from '../../contracts/values.ts';
import type { Bus } from '../../infra/bus.ts';
import type { Logger } from '../../infra/logger.ts';
import type { RecordStore } from '../../infra/record-store.ts';
import type { HeartbeatStore } from '../../infra/replica-store.ts';
import { loadResident } from '../../services/serving/resident-model.ts';
import type { ModelHost, ModelHostOptions } from '../../services/serving/strategy.ts';
import { Convergence } from './converge.ts';
import { followDeployment } from './follow.ts';
import { startHeartbeat } from './heartbeat.ts';
import { Replica } from './replica.ts';
import { createReports } from './reports.ts';
import { startServing, type Serving } from './serve.ts';

export type InferenceConfig = Pick<ModelHostOptions, 'queueMax' | 'batchMax' | 'threads'>;

/** A queue of 256 is answered within a fraction of a second by the shipped nets; one operator thread per host. */
export const INFERENCE_DEFAULTS: InferenceConfig = { queueMax: 256, batchMax: 16, threads: 1 };

export interface InferenceOptions {
  readonly nc: NatsConnection;
  /** Its source is `inference/<replicaId>`. */
  readonly bus: Bus;
  readonly blobs: BlobStore;
  readonly deployments: RecordStore<Deployment>;
  readonly replicas: HeartbeatStore<ReplicaStatus>;
  readonly model: string;
  /** One token, unique among the model's replicas. */
  readonly replicaId: string;
  readonly config?: InferenceConfig;
  readonly log: Logger;
  readonly now?: () => Date;
  readonly createHost?: (options: ModelHostOptions) => Promise<ModelHost>;
}

export interface Inference {
  readonly status: () => ReplicaStatus;
  /** Answers what was taken, says goodbye, ends the model hosts. */
  stop(): Promise<void>;
}

/** Resolves when the replica is known to others; an epoch that is in service already is loaded after that. */
export async function startInference(options: InferenceOptions): Promise<Inference> {
  const { nc, bus, blobs, deployments, model, replicaId, config = INFERENCE_DEFAULTS, createHost } = options;
  const log = options.log.child({ model, replicaId });
  const load = (pair: ModelPair) =>
    loadResident({ pair, blobs, options: config, ...(createHost ? { createHost } : {}) });
  const startedAt = options.now?.() ?? new Date();
  const replica = new Replica({ model, replicaId, startedAt, load, log });
  const heartbeat = startHeartbeat({ store: options.replicas, status: () => replica.status(), log });
  const reports = createReports({ bus, heartbeat, model, replicaId, log });
  const convergence = new Convergence({ replica, report: reports, log });

  let serving: Serving | null = null;
  const requestsMax = config.queueMax + config.batchMax;
  const serve = () => (serving ??= startServing({ nc, replica, model, requestsMax, log }));
  // Where others serve an epoch already, this replica takes no request before it can answer it.
  replica.onSwitched = serve;
  let isInService = false;
  const onRecord = (deployment: Deployment) => {
    isInService = deployment.current !== null;
    convergence.desire(deployment);
  };
  const following = await followDeployment({ deployments, model, log, onRecord }).catch(async (error) => {
    await heartbeat.stop();
    throw error;
  });
  if (!isInService) serve();
  await heartbeat.beat();
  log.info({ isInService }, 'replica: started');
  return {
    status: () => replica.status(),
    stop: async () => {
      replica.onSwitched = () => {};
      await following.stop();
      await serving?.stop();
      await convergence.stop();
      await reports.settle();
      await heartbeat.stop();
      await replica.close();
      log.info({}, 'replica: stopped');
    },
  };
}
