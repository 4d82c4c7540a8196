/**
 * An orchestrator with workers and replicas whose work is trivial: everything between them (bus, harness, stores,
 * timers) is the real thing over a real server. For tests of the saga, where training a net would only take time.
 */
import { randomUUID } from 'node:crypto';
import type { NatsConnection } from 'nats';
import { startOrchestrator } from '../../actors/orchestrator/orchestrator.ts';
import { openOrchestratorContext, type OrchestratorContext } from '../../actors/orchestrator/context.ts';
import { startWorker, type Worker } from '../../actors/worker.ts';
import type { Completed, StartCommand } from '../../contracts/messages.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import type { NotifyConfig } from '../../contracts/configuration/notify.ts';
import type { CarriedPipeline } from '../../contracts/configuration/carried.ts';
import { BUCKETS, WORK_STAGES, STREAMS, type WorkStage } from '../../contracts/subjects.ts';
import type { Deployment } from '../../contracts/release.ts';
import type { ReplicaStatus } from '../../contracts/replica.ts';
import { decisionFor } from '../../services/decision/in-force.ts';
import { askAgain } from '../../infra/messaging/ask-again.ts';
import { createBus, type Bus, type Heard } from '../../infra/messaging/bus.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { createReplicaStore, replicaKey } from '../../infra/stores/replica-store.ts';
import { DeploymentSchema } from '../../contracts/release.ts';
import type { Signing } from '../../services/signing/signing.ts';
import type { WorkContext } from '../../services/work.ts';
import { configure } from './configured.ts';
import { figures } from './figures.ts';
import { namesOnly } from './local.ts';
import { blobRef, pipelineConfig } from './runs.ts';
import { testLogger, type TestServer } from './server.ts';
import { decisionAt } from './tiny-data.ts';
import { createGate, until } from './wait.ts';
import type { Logger } from '../../runtime/logger.ts';
import { managerOf } from '../../infra/messaging/jetstream.ts';

type Work<N extends WorkStage> = (
  command: StartCommand<N>,
  context: WorkContext,
) => Promise<Omit<Completed<N>, 'durationMs'>>;
export type Works = { readonly [N in WorkStage]: Work<N> };

export const trivialWorks: Works = {
  collect: async () => ({ dataset: blobRef('DATASETS', 'd'), samples: 2, people: 2, quarantined: 0 }),
  train: async () => ({
    model: blobRef('MODELS', 'm'),
    epochs: 1,
    loss: 0,
    imagesPerSecond: 1,
    validationRank1: null,
  }),
  verify: async ({ candidate }) => ({
    verdict: 'blessed',
    admitted: true,
    reasons: [],
    report: blobRef('REPORTS', 'r'),
    gallery: blobRef('MODELS', 'g'),
    golden: blobRef('MODELS', 'o'),
    figures: figures({ candidate: { ...figures().candidate, digest: candidate.digest } }),
  }),
};

export interface Saga {
  readonly bus: Bus;
  readonly nc: NatsConnection;
  readonly orchestrator: OrchestratorContext;
  /** All of them; the one above is the first. */
  readonly orchestrators: readonly OrchestratorContext[];
  /** Every event heard since the beginning, in order. */
  readonly events: Heard[];
  /** Waits for the first event on the subject that fits. */
  event(subject: string, fits?: (heard: Heard) => boolean): Promise<Heard>;
  stateOf(runId: string): Promise<string | null>;
  /** All events that the stream holds, progress left out. Core listeners may hear a message twice. */
  storedEvents(): Promise<StoredEvent[]>;
  storedIds(): Promise<string[]>;
  /** Brings up the worker of a stage that was left out. */
  startLate(stage: WorkStage): void;
}

export interface StoredEvent {
  readonly id: string;
  readonly subject: string;
}

export interface SagaOptions {
  readonly works?: Partial<Works>;
  readonly pipeline?: CarriedPipeline;
  /** Of the orchestrators. */
  readonly signing?: Signing;
  readonly notify?: NotifyConfig;
  /** Of the orchestrators and workers. */
  readonly log?: Logger;
  /** How many run in this process; 0 where one runs elsewhere. */
  readonly orchestrators?: number;
  /** False: no replica lives. */
  readonly replica?: boolean | ReplicaBehaviour;
  /** Stages without a worker. */
  readonly absent?: readonly WorkStage[];
  /** How often a quiet worker gives a sign of life. */
  readonly heartbeatMs?: number;
  /** The figures that the replica says it has counted while the record stands so. */
  readonly figures?: (record: Deployment) => Partial<Pick<ReplicaStatus, 'figures' | 'former' | 'canary'>>;
}

export interface ReplicaBehaviour {
  /** Held back until this resolves: the replica is there, and does not follow the record yet. */
  readonly before?: (record: Deployment) => Promise<void>;
  readonly refuses?: (runId: string) => boolean;
  readonly figures?: SagaOptions['figures'] | undefined;
}

export const quickPipeline = (overrides: object = {}) =>
  pipelineConfig({ deployment: { guardMs: 0 }, retry: { attemptsMax: 3, backoffMs: 50 }, ...overrides });

export async function withSaga<T>(
  server: Pick<TestServer, 'connect'>,
  options: SagaOptions,
  use: (saga: Saga) => Promise<T>,
): Promise<T> {
  const { log = testLogger() } = options;
  const nc = await server.connect('saga');
  const bus = await createBus({ nc, source: 'test', log, now: () => new Date(), newId: randomUUID });
  const events: Heard[] = [];
  const listening = bus.listen('nightshift.evt.>', (heard) => void events.push(heard));
  const models = { face: options.pipeline ?? quickPipeline() };
  const { orchestrators = 1 } = options;
  // The first one's stores are also the test's own way to look.
  const contexts = await Promise.all(
    Array.from({ length: Math.max(1, orchestrators) }, async (_, i) =>
      openOrchestratorContext(await server.connect(`o${i}`), namesOnly(models), log, options.signing, options.notify),
    ),
  );
  await configure(contexts[0]!.configs, models);
  const works = { ...trivialWorks, ...options.works };
  const common = { bus, log, ...(options.heartbeatMs ? { heartbeatMs: options.heartbeatMs } : {}) };
  const start: Readonly<Record<WorkStage, () => Worker>> = {
    collect: () => startWorker({ stage: 'collect', ...common, work: works.collect }),
    train: () => startWorker({ stage: 'train', ...common, work: works.train }),
    verify: () => startWorker({ stage: 'verify', ...common, work: works.verify }),
  };
  const present = WORK_STAGES.filter((stage) => !options.absent?.includes(stage));
  const stoppable: { stop(): Promise<void> }[] = contexts.slice(0, orchestrators).map(startOrchestrator);
  stoppable.push(...present.map((stage) => start[stage]()));
  const startLate = (stage: WorkStage) => void stoppable.push(start[stage]());
  const { replica = true } = options;
  if (replica)
    stoppable.push(
      await startObedientReplica(nc, bus, 'r1', { figures: options.figures, ...(replica === true ? {} : replica) }),
    );
  const event: Saga['event'] = (subject, fits = () => true) =>
    until(() => events.find((heard) => heard.subject === subject && fits(heard)) ?? null, `event ${subject}`);
  const stateOf = async (runId: string) => {
    const stored = await contexts[0]!.runs.load(`run.${runId}`);
    return stored && JSON.stringify(stored.value.value).replaceAll('"', '');
  };
  const storedEvents = () => readStoredEvents(nc);
  const storedIds = async () => (await storedEvents()).map(({ id }) => id);
  try {
    return await use({
      bus,
      nc,
      storedEvents,
      storedIds,
      orchestrator: contexts[0]!,
      orchestrators: contexts,
      events,
      event,
      stateOf,
      startLate,
    });
  } finally {
    listening.stop();
    await Promise.all(stoppable.map((part) => part.stop()));
  }
}

async function readStoredEvents(nc: NatsConnection): Promise<StoredEvent[]> {
  const manager = await managerOf(nc);
  const { state } = await manager.streams.info(STREAMS.events);
  const events: StoredEvent[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const stored = await manager.streams.getMessage(STREAMS.events, { seq });
    if (!stored || isProgress(stored.subject)) continue;
    events.push({ id: stored.json<{ id: string }>().id, subject: stored.subject });
  }
  return events;
}

/** Signs of life are as many as there was time for. */
function isProgress(subject: string): boolean {
  const event = parseSubject(subject);
  return event.family === 'work-event' && event.fact === 'progressed';
}

/** A replica that reports at once whatever the deployment record wants; it has no model and serves nobody. */
export async function startObedientReplica(
  nc: NatsConnection,
  bus: Bus,
  replicaId: string,
  behaviour: ReplicaBehaviour,
) {
  const store = await createReplicaStore(nc);
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  const stopped = createGate();
  let reporting = Promise.resolve();
  const report = async (record: Deployment) => {
    await Promise.race([behaviour.before?.(record), stopped.opened]);
    const refused = behaviour.refuses?.(record.runId) ? 'MODEL_MISMATCH: refused by the test' : null;
    const status = { ...statusOf(record, replicaId, refused), ...behaviour.figures?.(record) };
    // The server may be away just now, which is what some tests are about.
    await askAgain(replicaId, () => store.put(replicaKey(status), status, 60_000));
    const id = `${replicaId}.${record.runId}.${record.change}.${record.releaseMax}`;
    const ids = { runId: record.runId, model: record.model, replicaId };
    // Under an id of its own: the server keeps what comes twice once.
    const say = (subject: string, data: object) => askAgain(replicaId, () => bus.publish(subject, data, { id }));
    if (record.change === 'announced')
      await say(`nightshift.evt.replica.prepared.${record.runId}`, { ...ids, prepareMs: 1 });
    if (record.change === 'committed' || record.change === 'rolled-back') {
      await say(`nightshift.evt.replica.switched.${record.runId}`, {
        ...{ ...ids, release: record.current!.release },
        ...{ swapUs: 1, switchedAtMs: 1, monotonicUs: 1 },
      });
    }
  };
  const first: ReplicaStatus = statusOf(null, replicaId);
  await store.put(replicaKey(first), first, 60_000);
  const watch = await deployments.watch('>', ({ value }) => {
    reporting = reporting.then(() => report(value));
  });
  return {
    stop: async () => {
      watch.stop();
      stopped.open();
      await reporting;
    },
  };
}

const statusOf = (record: Deployment | null, replicaId: string, refused: string | null = null): ReplicaStatus => ({
  replicaId,
  model: record?.model ?? 'face',
  startedAt: '2026-01-01T00:00:00Z',
  release: record?.current?.release ?? null,
  modelDigest: record?.current?.model.digest ?? null,
  decision: record?.current ? decisionFor(decisionAt(0.61), 24) : null,
  resident: [],
  prepared: record?.announced
    ? { runId: record.announced.runId, modelDigest: record.announced.model.digest, refused }
    : null,
  figures: { requests: 0, failed: 0, latencyMs: null, scores: null },
  former: null,
  canary: null,
  draining: false,
  outOfService: null,
  alarm: null,
  swapUs: 1,
});
