/**
 * The composition root: the only place that knows every part. Brings up the server, the streams and the chosen actors
 * in this process, and takes them down again in reverse. Called by the CLI, the tests and the benchmarks.
 */
import { randomUUID } from 'node:crypto';
import { setImmediate as othersTurn } from 'node:timers/promises';
import type { NatsConnection } from 'nats';
import { admitted } from './actors/admission.ts';
import { ACTORS, type ActorName } from './actors/names.ts';
import type { ServedMemory } from './actors/inference/served-memory.ts';
import type { startTrainer } from './actors/trainer/trainer.ts';
import { announce } from './infra/messaging/announce.ts';
import { serveApi } from './infra/messaging/api.ts';
import type { Role } from './contracts/roles.ts';
import { BUCKETS, type WorkStage } from './contracts/subjects.ts';
import { IMAGE_BYTES_MAX } from './contracts/inference.ts';
import { DeploymentSchema } from './contracts/release.ts';
import { createBlobStore } from './infra/stores/blob-store.ts';
import { createBus } from './infra/messaging/bus.ts';
import { CONFIG_FILE, type Config } from './infra/config/config.ts';
import { featureFoldersOf } from './infra/config/feature-folders.ts';
import { localDefinitions } from './infra/config/local-definitions.ts';
import { isReadFromFiles, loginOf } from './infra/access/login-of.ts';
import { refuseLoginWithoutServer, type Login } from './infra/config/nats.ts';
import { moreRights } from './infra/config/sample-streams.ts';
import { ownFiles, releaseFiles } from './infra/config/releases.ts';
import { askForever, isSilence, unavailable } from './infra/messaging/ask-again.ts';
import { connectNats } from './infra/messaging/connection.ts';
import { firstDenial } from './infra/messaging/denial.ts';
import { refuseImpossible } from './infra/preflight/impossible.ts';
import { preflight } from './infra/preflight/preflight.ts';
import { followServerClock } from './infra/messaging/server-clock.ts';
import type { Logger } from './runtime/logger.ts';
import { programVersion } from './runtime/program.ts';
import { openTracer } from './infra/telemetry/open-tracer.ts';
import type { Tracer } from './infra/telemetry/tracer.ts';
import { sweepScratch } from './runtime/scratch.ts';
import { ensureKeys, readTrust, writeTrust } from './services/signing/key-folder.ts';
import { checkForwards } from './services/signing/forgetting.ts';
import { NO_SIGNING, openSigning, type Signing } from './services/signing/signing.ts';
import { publishForgotten } from './infra/stores/enrolment-log.ts';
import { openSeenConfigs } from './infra/stores/config-store.ts';
import { createEraser } from './infra/stores/eraser.ts';
import { openForgotten } from './infra/stores/forgotten-store.ts';
import { openKeptRecords } from './infra/stores/kept-records.ts';
import { createRecordStore, openKv } from './infra/stores/record-store.ts';
import { createSampleStreams } from './infra/stores/sample-streams.ts';
import { createReplicaStore } from './infra/stores/replica-store.ts';
import { createSweeper } from './infra/stores/sweeper.ts';
import { launchServer, type Server } from './infra/server/server.ts';
import { awaitTopology } from './infra/topology/await-topology.ts';
import { applyTopology } from './infra/topology/topology.ts';
import { watchTopology } from './infra/topology/watch-topology.ts';

export interface System {
  readonly server: Server;
  /** Takes everything down gracefully; may be called twice. */
  stop(): Promise<void>;
  /** What has not stopped yet, and at what it is. */
  unstopped(): readonly string[];
}

const WITHOUT_GATEWAY = ACTORS.filter((name) => name !== 'gateway');

/** As connecting does it. */
const STILL_STARTING_MS = 4_500;

interface Stoppable {
  stop(): Promise<void>;
  /** Runs at which it is at work. */
  underWay?(): readonly string[];
}

export interface Actor extends Pick<System, 'stop' | 'unstopped'> {
  /** Reads certificates and logins anew, if files hold them: over another connection, in the place of the one that there is. */
  reload(): Promise<void>;
  /** What it needs and has not, such as a stream that was deleted; empty if it can work. */
  lacking(): readonly string[];
}

/**
 * Server, streams and actors, in this process: for tests and the demo. `nightshift start` gives each actor a process of
 * its own (cli/crew.ts). All parts that had started are stopped again if a later one fails to. The gateway, which takes a
 * port of the machine, is there if it is named.
 */
export async function startSystem(
  config: Config,
  log: Logger,
  actors: readonly ActorName[] = WITHOUT_GATEWAY,
): Promise<System> {
  const started: Actor[] = [];
  let server: Server | null = null;
  let stopping: Promise<void> | null = null;
  const stopAll = async () => {
    try {
      // At once: an actor that hangs keeps no other from its graceful end. They need the server for it.
      await Promise.all(started.map((actor) => actor.stop()));
    } finally {
      await server?.stop();
    }
  };
  const stop = () => (stopping ??= stopAll());
  try {
    server = await openServer(config, log);
    // Inference first and on its own: what is deployed serves while the rest is still starting.
    for (const actor of ['inference' as const, ...actors.filter((name) => name !== 'inference')]) {
      if (actors.includes(actor)) started.push(await startActor(actor, server.url, config, log));
    }
    return { server, stop, unstopped: () => started.flatMap((actor) => actor.unstopped()) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The server with all that actors need of it. Nothing is left running if it fails. */
export async function openServer(config: Config, log: Logger): Promise<Server> {
  refuseLoginWithoutServer(config.nats);
  // Found now rather than at night. Where other machines do the work, it is their files that need them.
  for (const problem of localDefinitions(config).undefinedNames()) log.warn({}, problem);
  const { insecure } = config.nats;
  const server = await launchServer({ ...config.nats, hasIdentities: !insecure, more: moreRights(config), log });
  try {
    // A server of somebody else is set up by `nightshift setup`, with rights that no actor has.
    if (server.source !== 'url') await setUp(server.url, config, log);
    if (server.source !== 'url') await applyOwnFile(server.url, config, log);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Streams, buckets, consumers and keys. */
async function setUp(url: string, config: Config, log: Logger): Promise<void> {
  await connectedAs('setup', { url, config, log }, async (nc) => {
    for (const change of await applyTopology(nc, { replicas: config.nats.replicas })) {
      if (change.kind !== 'make') log.info(change, 'the streams are brought up to date');
    }
  });
  if (config.nats.url !== undefined) return;
  const { keysDir, trustFile } = ownFiles(config.nats, config.releases);
  if (!ensureKeys(keysDir, trustFile, new Date())) return;
  await connectedAs('orchestrator', { url, config, log }, (nc) => adopt(nc, { keysDir, trustFile }, log));
}

/** What pipelines are lies in the system; a server of our own gets it from the file at each start. */
async function applyOwnFile(url: string, config: Config, log: Logger): Promise<void> {
  const { applyFile } = await import('./actors/orchestrator/apply-file.ts');
  await connectedAs('orchestrator', { url, config, log }, (nc) => applyFile(nc, localDefinitions(config), log));
}

interface Reached {
  readonly url: string;
  readonly config: Config;
  readonly log: Logger;
}

/** Over a connection of its own that is closed in any case. A right that is missing ends it. */
async function connectedAs(role: Role, { url, config, log }: Reached, use: (nc: NatsConnection) => Promise<void>) {
  const login = loginOf(config.nats, role, url);
  const nc = await connectNats({ url, login, name: `nightshift-${role}`, role, log });
  try {
    await Promise.race([use(nc), firstDenial(nc)]);
  } finally {
    await nc.close();
  }
}

/** At the first start with keys: releases that serve already are trusted, and sealed. */
async function adopt(
  nc: NatsConnection,
  { keysDir, trustFile }: Pick<ReturnType<typeof ownFiles>, 'keysDir' | 'trustFile'>,
  log: Logger,
): Promise<void> {
  const { sealAll, withAdopted } = await import('./actors/orchestrator/adopt.ts');
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  const records = await deployments.list();
  const key = openSigning({ keysDir, trustFile }).keyOf('orchestrator');
  log.info({ keysDir, adopted: records.map((record) => record.key) }, 'signing keys were made');
  if (records.length === 0 || !key) return;
  writeTrust(trustFile, withAdopted(readTrust(trustFile), records));
  await sealAll(deployments, records, key);
}

/** One actor with a connection of its own, as it would run in a process of its own. */
export async function startActor(name: ActorName, url: string, config: Config, log: Logger): Promise<Actor> {
  const actorLog = log.child({ actor: name });
  const login = loginOf(config.nats, name, url);
  const tracer = await openTracer({ config, actor: name, log: actorLog });
  const nc = await connectNats({ url, login, name: `nightshift-${name}`, role: name, log: actorLog });
  try {
    const surroundings = { nc, url, login, config, log: actorLog, tracer, ...signingFor(name, config, actorLog) };
    const actor = await Promise.race([startOn(surroundings, name), firstDenial(nc)]);
    let isStopped = false;
    return {
      reload: async () => {
        if (isReadFromFiles(login)) await nc.reconnect();
      },
      lacking: () => actor.lacking(),
      stop: async () => {
        await actor.stop();
        await nc.close();
        await tracer?.close();
        isStopped = true;
      },
      unstopped() {
        const runs = actor.underWay?.() ?? [];
        return isStopped && runs.length === 0
          ? []
          : [runs.length > 0 ? `${name} (at work on ${runs.join(', ')})` : name];
      },
    };
  } catch (error) {
    await nc.close();
    await tracer?.close();
    throw error;
  }
}

/** A start that hangs says so; one whose questions nobody answers may be tried again, in a process that is new. */
async function startOn(surroundings: Surroundings, name: ActorName): Promise<Watched> {
  const { nc, log } = surroundings;
  let waitsFor = 'JetStream, its streams and consumers';
  const notice = setInterval(() => log.warn({ waitsFor }, `${name} is still starting`), STILL_STARTING_MS);
  try {
    await reportPreflight(surroundings, name);
    await awaitTopology(nc, name, log);
    waitsFor = 'answers of JetStream';
    return await startReady(surroundings, name);
  } catch (error) {
    throw isSilence(error) ? unavailable(`${name}: JetStream does not answer: ${String(error)}`, error) : error;
  } finally {
    clearInterval(notice);
  }
}

/** Throws if the server of somebody else will never do. */
async function reportPreflight({ nc, login, config, log }: Surroundings, name: ActorName): Promise<void> {
  // Clients send images to replicas alone.
  const imageBytesMax = name === 'inference' ? IMAGE_BYTES_MAX : 0;
  const options = { role: name, copies: config.nats.replicas, imageBytesMax, folders: [], now: Date.now };
  const look = () => preflight(nc, options);
  const found = await look();
  for (const { severity, ...finding } of found) {
    log[severity === 'error' ? 'error' : 'warn'](finding, `${finding.sentence}; ${finding.mend}`);
  }
  if (!login.isForOwnServer) await refuseImpossible(found, look);
}

type Watched = Stoppable & Pick<Actor, 'lacking'>;

async function startReady(surroundings: Surroundings, name: ActorName): Promise<Watched> {
  const { nc, log } = surroundings;
  const watch = watchTopology(nc, name, log);
  const actor = await startWhereItFits({ ...surroundings, lacking: watch.lacking }, name);
  // The orchestrator is a service by its questions.
  const announced = name === 'orchestrator' ? null : await announce(nc, name, programVersion(), log);
  // A subscription that the server refuses is told before the answer to this; those who wait for it hear it a turn later.
  await nc.flush();
  await othersTurn();
  const stop = async () => {
    await announced?.stop();
    await watch.stop();
    await actor.stop();
  };
  return { stop, lacking: watch.lacking, underWay: () => actor.underWay?.() ?? [] };
}

const STAGE_OF: Readonly<Partial<Record<ActorName, WorkStage>>> = {
  collector: 'collect',
  trainer: 'train',
  verifier: 'verify',
};

/** On a server of somebody else, a worker takes no work that its file does not know: see actors/admission.ts. */
async function startWhereItFits(surroundings: Surroundings, name: ActorName): Promise<Stoppable> {
  const { nc, login, config, log } = surroundings;
  const stage = STAGE_OF[name];
  const start = () => STARTERS[name](surroundings);
  if (!stage || config.nats.url === undefined || login.isForOwnServer) return start();
  const [configs, bus] = [await openSeenConfigs(nc), await busOf(nc, name, log, null)];
  const file = config.file ?? CONFIG_FILE;
  return admitted({ actor: name, stage, local: localDefinitions(config), file, configs, bus, log }, start);
}

interface Surroundings {
  readonly nc: NatsConnection;
  /** Where `nc` is connected to, for another connection. */
  readonly url: string;
  readonly login: Login;
  readonly config: Config;
  readonly log: Logger;
  readonly signing: Signing;
  /** Where replicas note the record that they obey; null if nobody signs. */
  readonly stateDir: string | null;
  /** Null if nobody wants traces. */
  readonly tracer: Tracer | null;
  /** What the actor needs and has not. */
  readonly lacking?: () => readonly string[];
}

/** Throws CONFIG_INVALID for a list of trusted keys that cannot be read: at the start, and not when a release comes. */
function signingFor(
  name: ActorName,
  { nats, releases }: Config,
  log: Logger,
): Pick<Surroundings, 'signing' | 'stateDir'> {
  const files = releaseFiles(nats, releases);
  if (!files) {
    const text =
      "releases are neither signed nor checked here: set releases.keysDir to a folder with this actor's key and trust.json (docs/signed-releases.md)";
    if (name !== 'collector') log.warn({}, text);
    return { signing: NO_SIGNING, stateDir: null };
  }
  const signing = openSigning(files);
  signing.trust();
  return { signing, stateDir: files.stateDir };
}

type Starter = (surroundings: Surroundings) => Promise<Stoppable>;

const busOf = (nc: NatsConnection, source: string, log: Logger, tracer: Tracer | null) =>
  createBus({ nc, source, log, tracer, now: () => new Date(), newId: randomUUID });

const worker =
  (name: ActorName, start: typeof startTrainer): Starter =>
  async ({ nc, config, log, signing, tracer }) => {
    await sweepScratch();
    const bus = await busOf(nc, name, log, tracer);
    const own = { local: localDefinitions(config), featureFolders: featureFoldersOf(config), signing };
    return start({ bus, blobs: createBlobStore(nc, name, checkForwards(signing)), ...own, log });
  };

/**
 * An actor's code is loaded when it is needed: a process that runs one of them starts in half the time and needs half the
 * memory.
 */
const CODE = {
  collector: () => import('./actors/collector/collector.ts'),
  trainer: () => import('./actors/trainer/trainer.ts'),
  verifier: () => import('./actors/verifier/verifier.ts'),
  inference: () => import('./actors/inference/start.ts'),
  orchestrator: () => import('./actors/orchestrator/start.ts'),
  janitor: () => import('./actors/janitor/janitor.ts'),
  gateway: () => import('./actors/gateway/gateway.ts'),
} satisfies Readonly<Record<ActorName, () => Promise<object>>>;

/** So that it is there already when the server is. */
export const loadActor = async (name: ActorName): Promise<void> => void (await CODE[name]());

const STARTERS: Readonly<Record<ActorName, Starter>> = {
  collector: startCollection,
  trainer: async (surroundings) => worker('trainer', (await CODE.trainer()).startTrainer)(surroundings),
  verifier: async (surroundings) => worker('verifier', (await CODE.verifier()).startVerifier)(surroundings),
  inference: startReplicas,
  orchestrator: startOrchestration,
  janitor: startCleaning,
  gateway: startGate,
};

async function startCollection({ nc, config, log, signing, tracer }: Surroundings): Promise<Stoppable> {
  const { startCollector } = await CODE.collector();
  await sweepScratch();
  const forgotten = await openForgotten(nc);
  return startCollector({
    bus: await busOf(nc, 'collector', log, tracer),
    blobs: createBlobStore(nc, 'collector', checkForwards(signing)),
    local: localDefinitions(config),
    forgotten,
    streams: createSampleStreams(nc),
    cache: { folder: config.collector.cacheDir, bytesMax: config.collector.cacheBytes },
    log,
  });
}

async function startCleaning({ nc, config, log, signing, tracer }: Surroundings): Promise<Stoppable> {
  const { startJanitor } = await CODE.janitor();
  await sweepScratch();
  return startJanitor({
    bus: await busOf(nc, 'janitor', log, tracer),
    blobs: createBlobStore(nc, 'janitor'),
    signing,
    eraser: await createEraser(nc),
    forgotten: await openForgotten(nc),
    runs: await openKeptRecords(nc, BUCKETS.runs),
    sweeper: await createSweeper(nc),
    retention: config.retention,
    publishForgotten: (model, mark) => publishForgotten(nc, model, mark),
    log,
    now: await followServerClock(nc, log),
  });
}

async function startGate({ nc, url, login, config, log, tracer }: Surroundings): Promise<Stoppable> {
  const { startGateway } = await CODE.gateway();
  const bus = await busOf(nc, 'gateway', log, tracer);
  return startGateway({ nc, url, bus, config: config.gateway, nats: config.nats, login, log, tracer });
}

async function startOrchestration(surroundings: Surroundings): Promise<Stoppable> {
  const { nc, config, log, signing, tracer, lacking = () => [] } = surroundings;
  const { applySchedules, endpointsOf, openOrchestratorContext, startOrchestrator, openWitnesses } =
    await CODE.orchestrator();
  const opened = await openOrchestratorContext(nc, localDefinitions(config), log, signing, config.notify, tracer);
  const witnesses = await openWitnesses(opened, config.inspectPort);
  const context = { ...opened, witnesses: witnesses.all };
  const api = await serveApi(nc, endpointsOf({ ...context, lacking }), log);
  await askForever('schedules are applied', () => applySchedules(context), log);
  const orchestrator = startOrchestrator(context);
  return {
    stop: async () => {
      await orchestrator.stop();
      await api.stop();
      await witnesses.close();
    },
  };
}

/** `inference.replicas` of every model that is configured in the system. */
async function startReplicas(surroundings: Surroundings): Promise<Stoppable> {
  const { followModels, openServedMemory, startBlobReader, startInference } = await CODE.inference();
  const { nc, url, login, config, log, signing, stateDir, tracer } = surroundings;
  const trustFile = releaseFiles(config.nats, config.releases)?.trustFile;
  const blobs = startBlobReader({ url, login, source: 'inference', trustFile });
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  const replicas = await createReplicaStore(nc);
  const { inference, gallery, serving } = config;
  const start = async (model: string, memory: ServedMemory | null) => {
    const replicaId = `r-${randomUUID().slice(0, 8)}`;
    const bus = await busOf(nc, `inference/${replicaId}`, log, tracer);
    return startInference({
      ...{ nc, bus, blobs, deployments, replicas, model, replicaId, log, signing, tracer },
      ...{ config: inference, approval: gallery.approval, consistency: serving.consistency },
      ...(memory ? { memory } : {}),
    });
  };
  const startAll = async (model: string) => {
    const memory = stateDir === null ? null : openServedMemory(stateDir, model, log);
    const running = await Promise.all(Array.from({ length: inference.replicas }, () => start(model, memory)));
    return { stop: async () => void (await Promise.all(running.map((replica) => replica.stop()))) };
  };
  const following = await followModels({ configs: await openSeenConfigs(nc), start: startAll, log });
  return {
    stop: async () => {
      await following.stop();
      await blobs.close();
    },
  };
}
