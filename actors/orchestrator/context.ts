/**
 * The orchestrator's handlers share this: ports to the stores and the bus, a clock. Nothing
 * that it holds of a run is believed (`savedRuns`), so any number of orchestrators may run, and any of them may die.
 */
import { randomUUID } from 'node:crypto';
import type { NatsConnection } from 'nats';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { BlobStore } from '../../contracts/blobs.ts';
import { NO_NOTIFY, type NotifyConfig } from '../../contracts/configuration/notify.ts';
import type { ConfigRecord } from '../../contracts/configuration/record.ts';
import { ScheduleRecordSchema, type ScheduleRecord } from '../../contracts/configuration/schedule.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { DeploymentSchema, type Deployment } from '../../contracts/release.ts';
import type { ReplicaStatus } from '../../contracts/replica.ts';
import type { LocalDefinitions } from '../../infra/config/local-definitions.ts';
import { createAuditStore, type AuditStore } from '../../infra/stores/audit-store.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { createBus, type Bus } from '../../infra/messaging/bus.ts';
import { openConfigs } from '../../infra/stores/config-store.ts';
import { createDeadLetterStore, type DeadLetterStore } from '../../infra/stores/dead-letter-store.ts';
import { createRefusalStore, type RefusalStore } from '../../infra/stores/refusal-store.ts';
import { createRecordStore, openKv, type RecordStore } from '../../infra/stores/record-store.ts';
import { createReplicaStore } from '../../infra/stores/replica-store.ts';
import { demandsLogin } from '../../infra/messaging/connection.ts';
import { followServerClock } from '../../infra/messaging/server-clock.ts';
import { createTimers, type Timers } from '../../infra/messaging/timers.ts';
import type { Tracer } from '../../infra/telemetry/tracer.ts';
import type { Checkpoint } from '../../machines/step.ts';
import { ApprovalsSchema, type Approvals } from '../../contracts/signing.ts';
import { createCommandOrder, type CommandOrder } from './command-order.ts';
import type { Attempts } from './durable.ts';
import { createSavedRuns, type SavedRuns } from './saved-runs.ts';
import { checkForwards } from '../../services/signing/forgetting.ts';
import { NO_SIGNING, type Signing } from '../../services/signing/signing.ts';
import { sealDeployments } from './sealed-deployments.ts';

/** Only the orchestrator may write the bucket, so a record is trusted beyond its format marker. */
export const CheckpointSchema = z.custom<Checkpoint>(
  (value) => typeof value === 'object' && value !== null && 'format' in value && value.format === 'nightshift.run/1',
  'a checkpoint of the format nightshift.run/1',
);

/** RUNS/lock.<model>: the run that may change the model's deployment. One at a time. */
export const LockSchema = z.object({
  runId: z.string(),
  takenAt: z.string(),
  /** The run that held it before. */
  before: z.string().nullable().default(null),
});
export type Lock = z.infer<typeof LockSchema>;

export interface OrchestratorContext {
  readonly bus: Bus;
  readonly runs: RecordStore<Checkpoint>;
  readonly locks: RecordStore<Lock>;
  readonly schedules: RecordStore<ScheduleRecord>;
  /** Sealed where releases are signed. */
  readonly deployments: RecordStore<Deployment>;
  readonly signing: Signing;
  /** Beside the runs. */
  readonly approvals: RecordStore<Approvals>;
  readonly blobs: BlobStore;
  /** Replicas of a model whose heartbeat is alive. */
  readonly liveReplicas: (model: string) => Promise<readonly ReplicaStatus[]>;
  readonly deadLetters: DeadLetterStore;
  readonly refusals: RefusalStore;
  readonly audit: AuditStore;
  /** Whether the server demands a login, so that permissions say who sent a command. */
  readonly isProven: () => boolean;
  readonly timers: Timers;
  /** What pipelines are: see configuration.ts. Read when it is needed, so that all orchestrators go by the same. */
  readonly configs: RecordStore<ConfigRecord>;
  /** What the pipelines name, as this machine has it. */
  readonly local: LocalDefinitions;
  /** Who is told of what, as this machine's file has it. */
  readonly notify: NotifyConfig;
  /** Beside the runs. */
  readonly notified: RecordStore<Notified>;
  readonly log: Logger;
  /** The server's clock: see infra/messaging/server-clock.ts. */
  readonly now: () => Date;
  /** By the id of the run or schedule; see durable.ts. */
  readonly attempts: Attempts;
  readonly commandOrder: CommandOrder;
  readonly savedRuns: SavedRuns;
  /** Absent or null: nobody wants traces. */
  readonly tracer?: Tracer | null | undefined;
  /** Told of each transition of each run. */
  readonly witnesses?: readonly Witness[] | undefined;
  /** Streams that were deleted while it runs, and the like, in words. Absent: nobody looks. */
  readonly lacking?: () => readonly string[];
}

/** Looks on while runs move: traces, and the inspector. */
export interface Witness {
  /** For the log. */
  readonly name: string;
  /** Called once a transition is saved and its fact is published; again after a crash in between. */
  moved(checkpoint: Checkpoint): Promise<void>;
}

/** RUNS/notified.<id>: the targets that have a notice which others have not taken yet. */
export const NotifiedSchema = z.object({ targets: z.array(z.string()) });
export type Notified = z.infer<typeof NotifiedSchema>;

export const runKey = (runId: string) => `run.${runId}`;
export const lockKey = (model: string) => `lock.${model}`;
/** RUNS/lock.<model>.rollback: the rollback under way. It waits for another rollback, and for no night. */
export const rollbackLockKey = (model: string) => `lock.${model}.rollback`;

/** The stores and ports of one orchestrator. Throws CONFIG_INVALID without a signing key that others demand. */
export async function openOrchestratorContext(
  nc: NatsConnection,
  local: LocalDefinitions,
  log: Logger,
  signing: Signing = NO_SIGNING,
  notify: NotifyConfig = NO_NOTIFY,
  tracer: Tracer | null = null,
): Promise<OrchestratorContext> {
  const now = await followServerClock(nc, log);
  const replicas = await createReplicaStore(nc);
  const runs = await openKv(nc, BUCKETS.runs);
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  const schedules = await openKv(nc, BUCKETS.schedules);
  return {
    bus: await createBus({ nc, source: 'orchestrator', log, now, newId: randomUUID, tracer }),
    runs: createRecordStore({ kv: runs, schema: CheckpointSchema }),
    locks: createRecordStore({ kv: runs, schema: LockSchema }),
    schedules: createRecordStore({ kv: schedules, schema: ScheduleRecordSchema }),
    deployments: sealDeployments({ store: deployments, signing, log }),
    signing,
    approvals: createRecordStore({ kv: runs, schema: ApprovalsSchema }),
    blobs: createBlobStore(nc, 'orchestrator', checkForwards(signing)),
    liveReplicas: (model) => replicas.list(model),
    deadLetters: await createDeadLetterStore(nc),
    refusals: await createRefusalStore(nc),
    audit: await createAuditStore(nc),
    isProven: () => demandsLogin(nc),
    timers: await createTimers({ nc, source: 'orchestrator', now }),
    configs: await openConfigs(nc),
    local,
    notify,
    notified: createRecordStore({ kv: runs, schema: NotifiedSchema }),
    log,
    now,
    attempts: new Map(),
    commandOrder: createCommandOrder(),
    savedRuns: createSavedRuns(),
    tracer,
  };
}
