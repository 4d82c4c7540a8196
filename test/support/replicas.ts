/**
 * Inference replicas on a real server. The tests do the orchestrator's part: they write the deployment record by the
 * transitions of services/deployment/records.ts.
 */
import { randomUUID } from 'node:crypto';
import { headers, type Msg, type NatsConnection } from '@nats-io/nats-core';
import { startInference, type Inference, type InferenceOptions } from '../../actors/inference/inference.ts';
import type { BlobStore } from '../../contracts/blobs.ts';
import { INFER_HEADERS } from '../../contracts/inference.ts';
import { BUCKETS, inferSubject, type GalleryVerb, type InferVerb } from '../../contracts/subjects.ts';
import { DeploymentSchema, type Deployment, type ModelPair } from '../../contracts/release.ts';
import type { ReplicaStatus } from '../../contracts/replica.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import type { Logger } from '../../runtime/logger.ts';
import { createRecordStore, openKv, type RecordStore } from '../../infra/stores/record-store.ts';
import { createReplicaStore, type HeartbeatStore } from '../../infra/stores/replica-store.ts';
import { question } from '../../infra/messaging/wire.ts';
import { announce, commit } from '../../services/deployment/records.ts';
import { encodePng } from '../../services/data/images.ts';
import { storeTinyPair, tinySplit, type TinyPairOptions } from './tiny-data.ts';
import { TINY_IMAGE } from './tiny-model.ts';
import { withServer, type TestServer } from './server.ts';
import { until } from './wait.ts';

export const MODEL = 'face';

type Connecting = Pick<TestServer, 'connect' | 'log'>;

export interface ReplicaTest<T extends Connecting = TestServer> {
  readonly test: T;
  readonly nc: NatsConnection;
  readonly blobs: BlobStore;
  readonly deployments: RecordStore<Deployment>;
  readonly replicas: HeartbeatStore<ReplicaStatus>;
  /** Stopped at the end, if the test has not done so. */
  start(replicaId: string, changes?: Partial<InferenceOptions>, nc?: NatsConnection): Promise<Inference>;
  /** Changes the stored record, as the orchestrator does. */
  change(transition: (record: Deployment | null) => Deployment): Promise<Deployment>;
  /** Stores a pair, announces it, waits until every live replica is prepared, commits, waits until all have switched. */
  deploy(options: TinyPairOptions & Pick<ModelPair, 'faces'>): Promise<Deployment>;
}

export const withReplicas = (use: (context: ReplicaTest) => Promise<void>): Promise<void> =>
  withServer((test) => withReplicasOn(test, use));

/** On a server that the test has started itself. */
export async function withReplicasOn<T extends Connecting>(
  test: T,
  use: (context: ReplicaTest<T>) => Promise<void>,
): Promise<void> {
  const started: Inference[] = [];
  try {
    await use(await openContext(test, started));
  } finally {
    await Promise.all(started.map((inference) => inference.stop()));
  }
}

async function openContext<T extends Connecting>(test: T, started: Inference[]): Promise<ReplicaTest<T>> {
  const nc = await test.connect('test-orchestrator');
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  const replicas = await createReplicaStore(nc);
  const blobs = createBlobStore(nc);
  const change: ReplicaTest['change'] = async (transition) => {
    const stored = await deployments.load(MODEL);
    const next = transition(stored?.value ?? null);
    await deployments.save(MODEL, next, stored?.revision ?? 0);
    return next;
  };
  return {
    ...{ test, nc, blobs, deployments, replicas, change },
    start: async (replicaId, changes = {}, nc) => {
      const connection = nc ?? (await test.connect(`inference-${replicaId}`));
      const inference = stopOnce(await startReplica(connection, test.log, replicaId, changes));
      started.push(inference);
      // The server knows of its subscriptions before a request of another connection comes.
      await connection.flush();
      return inference;
    },
    deploy: async ({ faces, ...options }) => {
      const { runId } = options;
      const pair = { ...(await storeTinyPair(blobs, options)), ...(faces ? { faces } : {}) };
      const every = (holds: (status: ReplicaStatus) => boolean, what: string) =>
        until(async () => (await replicas.list(MODEL)).every(holds), `every replica: ${what} ${runId}`);
      await change((record) => announce(record, pair, runId, MODEL));
      await every(({ prepared }) => prepared?.runId === runId && prepared.refused === null, 'prepared');
      const record = await change((announced) => commit(announced!, runId, new Date()));
      await every(({ release }) => release === record.current!.release, 'switched');
      return record;
    },
  };
}

/** As in a process of its own: a connection and stores of its own. */
async function startReplica(nc: NatsConnection, log: Logger, replicaId: string, changes: Partial<InferenceOptions>) {
  const source = `inference/${replicaId}`;
  return startInference({
    nc,
    bus: await createBus({ nc, source, log, now: () => new Date(), newId: randomUUID, tracer: changes.tracer }),
    blobs: createBlobStore(nc),
    deployments: createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema }),
    replicas: await createReplicaStore(nc),
    model: MODEL,
    replicaId,
    log,
    ...changes,
  });
}

/** The stored heartbeat of a replica, or null. */
export const statusOf = async ({ replicas }: ReplicaTest, replicaId: string) =>
  (await replicas.list(MODEL)).find((status) => status.replicaId === replicaId) ?? null;

/** To look at the events that replicas published. */
export const busOf = ({ nc, test: { log } }: ReplicaTest) =>
  createBus({ nc, source: 'test', log, now: () => new Date(), newId: () => 'unused' });

/** The bracket stops all replicas, also those that a test has stopped itself. */
function stopOnce(inference: Inference): Inference {
  let stopping: Promise<void> | null = null;
  return { ...inference, stop: () => (stopping ??= inference.stop()) };
}

/** A PNG of person `p<index % 5>`, other than the images in any gallery. */
export function faceOf(index: number): Promise<Buffer> {
  const { pixels } = tinySplit(index + 1, 5, 55);
  return encodePng(pixels.slice(-TINY_IMAGE.width * TINY_IMAGE.height), TINY_IMAGE);
}

export interface InferAnswer {
  /** `200`, or the status of the error. */
  readonly status: number;
  /** The parsed body. Tests parse it further if its form matters. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** The hint of a reply OVERLOADED. */
  readonly retryAfterMs: number | null;
}

export interface AskOptions {
  readonly person?: string;
  readonly deadlineMs?: string;
  readonly input?: string;
  readonly minRelease?: string;
  readonly seenRelease?: string;
  readonly minEnrolment?: string;
}

/** One request; a rejection means that nobody answered at all. */
export async function ask(
  nc: NatsConnection,
  verb: InferVerb | GalleryVerb,
  image: Uint8Array,
  { person, deadlineMs, input, minRelease, seenRelease, minEnrolment }: AskOptions = {},
): Promise<InferAnswer> {
  const meta = headers();
  if (person) meta.set(INFER_HEADERS.person, person);
  if (deadlineMs) meta.set(INFER_HEADERS.deadlineMs, deadlineMs);
  if (input) meta.set(INFER_HEADERS.input, input);
  if (minRelease) meta.set(INFER_HEADERS.minRelease, minRelease);
  if (seenRelease) meta.set(INFER_HEADERS.seenRelease, seenRelease);
  if (minEnrolment) meta.set(INFER_HEADERS.minEnrolment, minEnrolment);
  const message: Msg = await question(nc, inferSubject(MODEL, verb), image, { timeout: 15_000, headers: meta });
  const status = Number(message.headers?.get(INFER_HEADERS.errorStatus) || 200);
  const retryAfter = message.headers?.get(INFER_HEADERS.retryAfterMs);
  return {
    status,
    body: message.json(),
    text: message.headers?.get(INFER_HEADERS.errorText) ?? '',
    retryAfterMs: retryAfter ? Number(retryAfter) : null,
  };
}
