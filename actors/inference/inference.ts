/**
 * The inference actor: one replica of one model. It follows the deployment record, serves the release in service, and
 * says what it holds. Several replicas share the requests through a queue group; none knows of another.
 */
import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/nats-core';
import type { BlobReader } from '../../contracts/blobs.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { Deployment } from '../../contracts/release.ts';
import type { ReplicaStatus } from '../../contracts/replica.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import type { Logger } from '../../runtime/logger.ts';
import { createEnrolmentLog } from '../../infra/stores/enrolment-log.ts';
import { createPendingStore } from '../../infra/stores/pending-store.ts';
import type { RecordStore } from '../../infra/stores/record-store.ts';
import type { HeartbeatStore } from '../../infra/stores/replica-store.ts';
import type { Tracer } from '../../infra/telemetry/tracer.ts';
import { inTurn } from '../../runtime/turn.ts';
import { keepSpare, type HostProcesses } from '../../services/serving/host/host-spares.ts';
import type { Consistency } from '../../services/serving/replica/consistency.ts';
import { Convergence } from '../../services/serving/replica/converge.ts';
import { createLookout } from '../../services/serving/replica/lookout.ts';
import { Replica, type LoadTask } from '../../services/serving/replica/replica.ts';
import { placesFor } from '../../services/serving/replica/room.ts';
import { loadResident } from '../../services/serving/replica/resident-model.ts';
import { startService } from '../../services/serving/replica/service.ts';
import type { ModelHostOptions } from '../../services/serving/strategy.ts';
import { createGalleryAudit } from './audit.ts';
import { createDataPlane } from './data-plane.ts';
import { followEnrolments } from './enrolments.ts';
import { NO_SIGNING, type Signing } from '../../services/signing/signing.ts';
import type { Approval } from './gallery-requests.ts';
import { startHeartbeat } from './heartbeat.ts';
import { createPairChecks } from './pair-check.ts';
import { startPresence, type Presence } from './presence.ts';
import { createRecordGuard } from './record-guard.ts';
import type { ServedMemory } from './served-memory.ts';
import { createReports } from './reports.ts';
import { createServingTraces } from './serving-traces.ts';

export type InferenceConfig = Pick<ModelHostOptions, 'queueMax' | 'batchMax' | 'delayMaxMs' | 'threads' | 'hangMinMs'>;

/** A queue of 256 is answered within a fraction of a second by the shipped nets; one operator thread per host. */
export const INFERENCE_DEFAULTS: InferenceConfig = { queueMax: 256, batchMax: 16, threads: 1 };

export interface InferenceOptions {
  readonly nc: NatsConnection;
  /** Its source is `inference/<replicaId>`. */
  readonly bus: Bus;
  readonly blobs: BlobReader;
  readonly deployments: RecordStore<Deployment>;
  readonly replicas: HeartbeatStore<ReplicaStatus>;
  readonly model: string;
  /** One token, unique among the model's replicas. */
  readonly replicaId: string;
  readonly config?: InferenceConfig;
  /** What a replica does that is cut off from the store; `available` if absent. */
  readonly consistency?: Consistency | undefined;
  /** Whether changes of the gallery wait for a second person; `none` if absent. */
  readonly approval?: Approval | undefined;
  readonly log: Logger;
  readonly now?: () => Date;
  /** The processes of model hosts come from here; the replica ends it. Absent: with a warm spare. */
  readonly processes?: HostProcesses;
  /** Absent: no signature is demanded. */
  readonly signing?: Signing;
  /** Of the model, shared by its replicas in the process. Absent: nothing is remembered over a restart. */
  readonly memory?: ServedMemory;
  /** Absent or null: nobody wants traces. */
  readonly tracer?: Tracer | null | undefined;
}

export interface Inference {
  readonly status: () => ReplicaStatus;
  /** Answers what was taken, says goodbye, ends the model hosts. */
  stop(): Promise<void>;
}

/**
 * Resolves when the replica is known to others; a release that is in service already is loaded after that. The parts
 * hear of each other by the replica's changes alone.
 */
export async function startInference(options: InferenceOptions): Promise<Inference> {
  const { nc, bus, blobs, deployments, model, replicaId, config = INFERENCE_DEFAULTS } = options;
  const { signing = NO_SIGNING, memory = null, tracer = null } = options;
  const pairs = createPairChecks(signing, blobs, model);
  const log = options.log.child({ model, replicaId });
  const processes = options.processes ?? keepSpare();
  const startedAt = options.now?.() ?? new Date();
  const enrolments = await createEnrolmentLog(nc, model, log);
  // The queue of a host refuses nobody whom the data plane has let in.
  const places = placesFor(config.queueMax + config.batchMax);
  const load = async ({ pair, isUrgent, onReplaced, onRetried, onEnrolled }: LoadTask) => {
    await pairs.check(pair);
    const hostOptions = { ...config, queueMax: places, onReplaced, onRetried, isUrgent };
    const prepare = () => loadResident({ pair, blobs, options: hostOptions, processes });
    const resident = await (isUrgent ? prepare() : inTurn(prepare));
    const onDamaged = (damage: string) => replica.setAlarm('enrolment', `RECORD_DAMAGED: ${damage}`);
    return followEnrolments({ resident, enrolments, onApplied: onEnrolled, onDamaged, log });
  };
  const replica = new Replica({ model, replicaId, startedAt, load, log });
  const heartbeat = startHeartbeat({ store: options.replicas, replica, log });
  const traces = tracer ? createServingTraces({ tracer, replica, model, replicaId, startedAt }) : null;
  const report = createReports({ bus, heartbeat, model, replicaId, log, traces });
  const convergence = new Convergence({ replica, report, log });
  const { approval = 'none', now = () => new Date() } = options;
  const pending = await createPendingStore(nc, model);
  const audit = createGalleryAudit(bus, model, now, randomUUID);
  const gallery = { replica, enrolments, approval, pending, audit, log };
  let presence: Presence | null = null;
  const lookout = createLookout(async () => {
    if (!presence) throw new PipelineError('NOT_READY', 'the replica is starting', { retryable: true });
    await presence.read();
  });
  const { consistency = 'available' } = options;
  const dataPlane = createDataPlane({ nc, model, replicaId, places, consistency, lookout, traces, ...gallery });
  const service = startService({ replica, dataPlane, report, log });
  const onAlarm = (alarm: string | null) => replica.setAlarm('record', alarm);
  const guard = createRecordGuard({ model, signing, memory, pairs, onAlarm, log });
  presence = await startPresence({ deployments, model, replica, heartbeat, guard, log }).catch(async (error) => {
    await heartbeat.stop();
    await processes.close();
    throw error;
  });
  log.info({ release: replica.desired?.current?.release ?? null }, 'replica: started');
  return {
    status: () => replica.status(),
    stop: async () => {
      await presence?.stop();
      await service.stop();
      await convergence.stop();
      await report.finish();
      await heartbeat.stop();
      await replica.close();
      await processes.close();
      await memory?.finish();
      log.info({}, 'replica: stopped');
    },
  };
}
