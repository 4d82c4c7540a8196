/**
 * A real nats-server, a replica and a load generator, each in a process of its own, with one model in service. The
 * model is a net with random weights, which is as fast as a trained one; the gallery is of invented people.
 */
import { once } from 'node:events';
import type { NatsConnection } from 'nats';
import type { TrainingConfig } from '../../contracts/configuration/training.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { DeploymentSchema, type Deployment, type ModelPair } from '../../contracts/release.ts';
import type { ImageSpec } from '../../contracts/dataset.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { createReplicaStore } from '../../infra/stores/replica-store.ts';
import type { ModuleName } from '../../runtime/modules.ts';
import { announce, commit, withdraw } from '../../services/deployment/records.ts';
import { encodePng } from '../../services/data/images.ts';
import { writeGallery, type Gallery } from '../../services/serving/gallery/gallery.ts';
import { takeGolden, writeGolden } from '../../services/serving/host/golden.ts';
import { createModelHost } from '../../services/serving/host/model-host.ts';
import { exportModel } from '../../services/training/model/export.ts';
import { resolveNet } from '../../services/training/nets/nets.ts';
import { initialState } from '../../services/training/nets/parameters.ts';
import { createRandom } from '../../services/training/random.ts';
import type { PeerOptions } from './peers.ts';
import { DECISION } from '../support/decision.ts';
import { withGround, type Ground } from '../support/ground.ts';
import { until } from '../support/until.ts';
import type { BenchTraces, FromClient, LoadOrder, ToClient, ToReplica } from './messages.ts';

export interface RigOptions {
  readonly net: Exclude<TrainingConfig['net'], readonly unknown[]>;
  /** In the gallery. */
  readonly people: number;
}

export interface Rig {
  load(order: LoadOrder): Promise<Extract<FromClient, { type: 'open' | 'closed' }>>;
  /** Has the replica load another model, beside the one that serves, and drop it again. */
  loadCandidate(): Promise<void>;
  loseHost(signal: 'SIGKILL' | 'SIGSTOP'): void;
  /** For a process beside these, over the same nats-server. */
  readonly ground: Pick<Ground, 'start' | 'url'>;
  /** For another server to serve the same. */
  readonly work: Pick<PeerOptions, 'model' | 'image' | 'pixels'>;
}

export const NAME = 'bench';
export const IMAGE: ImageSpec = { width: 64, height: 64, channels: 1 };
/** Long enough for a busy machine to start three processes. */
const READY_MS = 60_000;

/** The model that serves, and the candidate that is loaded beside it. */
interface Pairs {
  readonly serving: ModelPair;
  readonly candidate: ModelPair;
}

export function withRig<T>(options: RigOptions, use: (rig: Rig) => Promise<T>): Promise<T> {
  return withGround(async (ground) => use(await openRig(ground, options)));
}

export interface OneOfSeveral {
  /** Of its model; rigs on one ground have others. */
  readonly name: string;
  readonly traces?: BenchTraces | undefined;
}

/** One of those that share a nats-server, or the only one. */
export async function openRig(
  { nc, url, start: startModule }: Ground,
  options: RigOptions,
  { name, traces }: OneOfSeveral = { name: NAME },
): Promise<Rig> {
  const files = [await makeFiles(options, 1), await makeFiles(options, 2)] as const;
  const pairs = {
    serving: await store(nc, `${name}-serving`, files[0]),
    candidate: await store(nc, `${name}-candidate`, files[1]),
  };
  const start = (module: ModuleName, message: ToClient | ToReplica) => startModule(module, message);
  const replica = await start('bench/serving/replica.process', { type: 'start', url, name, traces });
  const loadCandidate = await putIntoService(nc, name, pairs);
  const { model, gallery } = files[0];
  const pixels = noise(IMAGE.width * IMAGE.height, 3);
  const faces = { pixels, file: await encodePng(pixels, IMAGE) };
  const setup = { url, name, model, image: IMAGE, gallery, faces, threads: 1 };
  const client = await start('bench/serving/client.process', { type: 'setup', setup });
  return {
    load: async (order) => {
      client.send({ type: 'load', ...order } satisfies ToClient);
      const [answer] = (await once(client, 'message')) as [FromClient];
      if (answer.type === 'open' || answer.type === 'closed') return answer;
      throw new Error(`bench: the load generator says ${JSON.stringify(answer)}`);
    },
    loadCandidate,
    ground: { start: startModule, url },
    work: { model, image: IMAGE, pixels },
    loseHost: (signal) => void replica.send({ type: 'lose-host', signal } satisfies ToReplica),
  };
}

/** Commits the pair as a run would, waits until it serves, and returns how to load the other beside it. */
async function putIntoService(
  nc: NatsConnection,
  name: string,
  { serving, candidate }: Pairs,
): Promise<Rig['loadCandidate']> {
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  const replicas = await createReplicaStore(nc);
  const change = async (transition: (record: Deployment | null) => Deployment) => {
    const stored = await deployments.load(name);
    await deployments.save(name, transition(stored?.value ?? null), stored?.revision ?? 0);
  };
  const status = async () => (await replicas.list(name))[0];
  await change((record) => commit(announce(record, serving, serving.runId, name), serving.runId, new Date()));
  await until(async () => (await status())?.release === 1, 'the replica serves', READY_MS);
  return async () => {
    await change((record) => announce(record, candidate, candidate.runId, name));
    await until(async () => (await status())?.prepared?.refused === null, 'the candidate is loaded', READY_MS);
    await change((record) => withdraw(record!, candidate.runId)); // Announced just above.
    await until(async () => (await status())?.resident.length === 1, 'the candidate is gone', READY_MS);
  };
}

export interface Files {
  readonly model: Uint8Array;
  readonly gallery: Gallery;
  readonly golden: Buffer;
}

/** `imagesSeed`: of the images that the golden samples are of. */
export async function makeFiles({ net, people }: RigOptions, seed: number, imagesSeed = seed): Promise<Files> {
  const resolved = resolveNet(net, IMAGE);
  const { dimensions } = resolved;
  const state = initialState({ net: resolved, classes: people }, seed);
  const model = exportModel(resolved, state, {
    ...{ model: NAME, runId: NAME, datasetDigest: `sha256:${'0'.repeat(64)}`, image: IMAGE, metrics: {} },
    ...{ embeddingDimensions: dimensions, classes: people, framework: 'none: random weights' },
  });
  const host = await createModelHost({ model, image: IMAGE, queueMax: 8, batchMax: 8, threads: 1 });
  const pixels = noise(8 * IMAGE.width * IMAGE.height, imagesSeed);
  const labels = Array.from({ length: people }, (_, person) => `p${person}`);
  const images = { spec: IMAGE, pixels, count: 8, classes: new Int32Array(8), labels };
  const golden = writeGolden(await takeGolden(host, images));
  await host.close();
  const random = createRandom(seed);
  const embeddings = Float32Array.from(
    { length: people * dimensions },
    () => (2 * random() - 1) / Math.sqrt(dimensions),
  );
  return { model, golden, gallery: { labels, embeddings, decision: DECISION } };
}

/** Under the run's keys. */
export async function store(nc: NatsConnection, runId: string, { model, gallery, golden }: Files): Promise<ModelPair> {
  const blobs = createBlobStore(nc, 'bench');
  const stored = await blobs.put('MODELS', `${runId}/model.onnx`, model);
  return {
    runId,
    model: stored,
    gallery: await blobs.put('MODELS', `${runId}/gallery`, writeGallery({ gallery, modelDigest: stored.digest })),
    golden: await blobs.put('MODELS', `${runId}/golden`, golden),
  };
}

export function noise(length: number, seed: number): Uint8Array {
  const random = createRandom(seed);
  return Uint8Array.from({ length }, () => 256 * random());
}
