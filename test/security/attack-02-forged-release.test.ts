/**
 * Attack 2: any model in service by one message. A record written past the orchestrator, a forged result of a
 * verification, an older signed pair or record put back, and pairs signed by keys that nobody trusts or that are revoked:
 * each is refused aloud, and what serves goes on serving.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startWorker } from '../../actors/worker.ts';
import { connectClient, type Client } from '../../cli/client.ts';
import type { BlobStore } from '../../contracts/blobs.ts';
import { DeploymentSchema, type Deployment, type ModelPair } from '../../contracts/release.ts';
import { API, BUCKETS, commandSubject, STREAMS, workEventSubject } from '../../contracts/subjects.ts';
import { ConfigSchema, type Config } from '../../infra/config/config.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { startSystem } from '../../main.ts';
import { announce, commit } from '../../services/deployment/records.ts';
import { checkSeal, sealed } from '../../services/signing/seal.ts';
import type { SigningKey } from '../../services/signing/keys.ts';
import { assertServes, deployTinyChampion, type Deployed } from '../support/champion.ts';
import { configureAsIn } from '../support/configured.ts';
import { withFolder } from '../support/folder.ts';
import { runNight } from '../support/nights.ts';
import { MODEL } from '../support/replicas.ts';
import { trivialWorks, type Works } from '../support/saga.ts';
import { testLogger, withServer } from '../support/server.ts';
import { keysIn, signedPair, strangersKey, type Keys } from '../support/signed.ts';
import { storeTinyPair } from '../support/tiny-data.ts';
import { until } from '../support/wait.ts';

interface Target extends Client {
  readonly keys: Keys;
  readonly blobs: BlobStore;
  readonly deployed: Deployed;
  /** Of the model, from the operators' API. */
  alarms(): Promise<readonly string[]>;
  /** Takes orchestrator and replica down and brings them up again. */
  restart(): Promise<void>;
}

/** A system with keys that serves a signed champion, which must serve still when the attack is over. */
const attacked = (use: (target: Target) => Promise<unknown>) =>
  withFolder((folder) =>
    withServer(async ({ url, log }) => {
      const config = configOf(folder, url);
      const keys = keysIn(folder);
      const start = () => startSystem(config, log, ['inference', 'orchestrator']);
      const client = await connectClient(url, log);
      await configureAsIn(client.nc, config);
      let system = await start();
      const restart = async () => {
        await system.stop();
        system = await start();
      };
      try {
        const deployed = await deployTinyChampion(client.nc, { store: folder });
        const alarms = async () => (await client.ask(API.status, {})).models[0]!.alarms;
        await use({ ...client, ...{ keys, deployed, alarms, restart }, blobs: createBlobStore(client.nc) });
        await assertServes(client.nc, deployed.champion);
      } finally {
        await client.close();
        await system.stop();
      }
    }),
  );

const configOf = (folder: string, url: string): Config =>
  ConfigSchema.parse({
    nats: { url },
    releases: { keysDir: join(folder, 'keys'), stateDir: join(folder, 'served') },
    models: {
      [MODEL]: {
        sources: [{ type: 'directory', name: 'people', path: '/people' }],
        deployment: { guardMs: 0, guardLatencyP99MsMax: 10_000 },
        retry: { attemptsMax: 1, backoffMs: 50 },
      },
    },
  });

/** The model of the attacker: another net, whose gallery fits it. */
const evilPair = (blobs: BlobStore, runId = 'evil'): Promise<ModelPair> => storeTinyPair(blobs, { runId, seed: 66 });

async function put({ nc }: Target, record: object | string): Promise<void> {
  const text = typeof record === 'string' ? record : JSON.stringify(record);
  await (await openKv(nc, BUCKETS.deployments)).put(MODEL, text);
}

async function storedOf({ nc }: Target) {
  const store = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  return (await store.load(MODEL))!; // The champion's is there.
}

const recordOf = async (target: Target): Promise<Deployment> => (await storedOf(target)).value;
const linkOf = async (target: Target) => checkSeal((await storedOf(target)).text, MODEL, target.keys.trust());

const alarm = (target: Target, text: RegExp) =>
  until(async () => (await target.alarms()).find((it) => text.test(it)), `an alarm like ${String(text)}`);

test('attack 2a: a record written past the orchestrator is refused, also over a restart, and the next night heals it', () =>
  attacked(async (target) => {
    const { champion } = target.deployed;
    const pair = await signedPair(target.blobs, await evilPair(target.blobs), [strangersKey()]);
    const forged = commit(announce(await recordOf(target), pair, 'evil', MODEL), 'evil', new Date());
    await put(target, forged);
    await alarm(target, /RELEASE_UNTRUSTED: .* it is not the text that was sealed/);
    await assertServes(target.nc, champion);
    await target.restart();
    await until(async () => (await target.ask(API.status, {})).models[0]!.replicas[0]?.release === 1, 'the champion');
    await alarm(target, /not the text that was sealed/);
    await assertServes(target.nc, champion);
    await put(target, sealed(forged, null, strangersKey()));
    await alarm(target, /no orchestrator key that is trusted here/);
    const next = await night(target, 'next', [target.keys.verifier]);
    assert.is(next.fact, 'completed', next.failure?.message);
    assert.is((await recordOf(target)).current?.release, 2);
    assert.equal(await target.alarms(), []);
    await target.ask(API.status, {});
    await rollBack(target);
  }));

/** The champion's pair again, under a higher number. */
async function rollBack(target: Target): Promise<void> {
  const id = `back-${randomUUID()}`;
  await target.bus.publish('nightshift.ctl.model.rollback', { model: MODEL, runId: 'back' }, { id });
  await until(async () => (await recordOf(target)).current?.release === 3, 'the rollback');
  const { current } = await recordOf(target);
  await until(async () => (await target.ask(API.status, {})).models[0]!.replicas[0]?.release === 3, 'release 3');
  assert.is(current?.model.digest, target.deployed.champion.model.digest);
  Object.assign(target.deployed.champion, { release: 3 });
}

test('attack 2b: a forged result of a verification ends the run, and nothing else', () =>
  attacked(async (target) => {
    const { bus, blobs } = target;
    const evil = await evilPair(blobs);
    const works = worksOf(target, 'night', []);
    const workers = startWorkers(target, { collect: works.collect, train: works.train });
    try {
      const forging = until(() => bus.lastOn(STREAMS.commands, commandSubject('verify', 'start', 'night')), 'verify');
      const ended = runNight(bus, 'night');
      await forging;
      const { gallery, golden } = evil;
      const data = { ...(await trivialWorks.verify(await verifyCommand(target, 'night'), context())), gallery, golden };
      const fact = { runId: 'night', model: MODEL, commandId: 'night.verify.1', durationMs: 1, ...data };
      await bus.publish(workEventSubject('verify', 'completed', 'night'), fact, { id: 'forged' });
      const { fact: end, failure } = await ended;
      assert.equal([end, failure?.code], ['failed', 'RELEASE_UNTRUSTED']);
      assert.match(failure?.message ?? '', /no verifier has signed it/);
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
    }
  }));

test('attack 2c: an older signed pair is no result of tonight, and an older signed record is not obeyed', () =>
  attacked(async (target) => {
    const older = (await storedOf(target)).text;
    const { champion } = target.deployed;
    const replayed = await night(target, 'replay', [], champion);
    assert.equal([replayed.fact, replayed.failure?.code], ['failed', 'RELEASE_UNTRUSTED']);
    assert.match(replayed.failure?.message ?? '', /speaks of run champion/);
    const newer = await night(target, 'newer', [target.keys.verifier]);
    assert.is(newer.fact, 'completed', newer.failure?.message);
    await put(target, older);
    await alarm(target, /RELEASE_STALE/);
    await target.restart();
    await until(
      async () => (await target.ask(API.status, {})).models[0]!.replicas[0]?.release === 2,
      'release 2 again',
    );
    await alarm(target, /RELEASE_STALE: .* was obeyed here/);
    await rollBack(target);
  }));

test('attack 2d: a pair signed by an untrusted or a revoked key goes into service neither by a run nor by a record', () =>
  attacked(async (target) => {
    const { keys, blobs, nc, deployed } = target;
    const stranger = await night(target, 'stranger', [strangersKey()]);
    assert.equal([stranger.fact, stranger.failure?.code], ['failed', 'RELEASE_UNTRUSTED']);
    assert.match(stranger.failure?.message ?? '', /by no verifier key that is trusted here/);
    // Past the orchestrator's own check, as if that had been taken over: the replica looks for itself.
    const pair = await signedPair(blobs, await evilPair(blobs), [strangersKey()]);
    const record = await recordOf(target);
    await put(target, sealed(announce(record, pair, 'evil', MODEL), await linkOf(target), keys.orchestrator));
    await alarm(target, /RELEASE_UNTRUSTED: .*the pair of run evil is refused/);
    const { replicas } = (await target.ask(API.status, {})).models[0]!;
    assert.match(replicas[0]?.prepared?.refused ?? '', /RELEASE_UNTRUSTED/);
    await assertServes(nc, deployed.champion);
    const withdrawn = { ...(await recordOf(target)), announced: null, change: 'withdrawn' as const };
    await put(target, sealed(withdrawn, await linkOf(target), keys.orchestrator));
    keys.change((trust) => ({ ...trust, revoked: { ...trust.revoked, keys: [keys.verifier.id] } }));
    const revoked = await night(target, 'revoked', [keys.verifier]);
    assert.equal([revoked.fact, revoked.failure?.code], ['failed', 'RELEASE_UNTRUSTED']);
    assert.match(revoked.failure?.message ?? '', /is revoked/);
  }));

/** A whole night with a tiny model of its own, signed by `keys`; or with the pair of another night. */
async function night(target: Target, runId: string, keys: readonly SigningKey[], instead?: ModelPair) {
  const workers = startWorkers(target, worksOf(target, runId, keys, instead));
  try {
    return await runNight(target.bus, runId);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

function worksOf({ blobs }: Target, runId: string, keys: readonly SigningKey[], instead?: ModelPair): Works {
  const stored = async () => {
    if (instead) return instead;
    const pair = await storeTinyPair(blobs, { runId, seed: runId.length });
    return keys.length > 0 ? signedPair(blobs, pair, keys) : pair;
  };
  const pair = stored();
  return {
    ...trivialWorks,
    train: async (command, work) => ({ ...(await trivialWorks.train(command, work)), model: (await pair).model }),
    verify: async (command, work) => {
      const { gallery, golden, statement } = await pair;
      const result = await trivialWorks.verify(command, work);
      return { ...result, gallery, golden, ...(statement ? { statement } : {}) };
    },
  };
}

function startWorkers({ bus }: Target, works: Partial<Works>) {
  const common = { bus, log: testLogger() };
  const { collect, train, verify } = works;
  return [
    ...(collect ? [startWorker({ stage: 'collect', ...common, work: collect })] : []),
    ...(train ? [startWorker({ stage: 'train', ...common, work: train })] : []),
    ...(verify ? [startWorker({ stage: 'verify', ...common, work: verify })] : []),
  ];
}

type Verify = Works['verify'];

async function verifyCommand({ bus }: Target, runId: string): Promise<Parameters<Verify>[0]> {
  const command = await bus.lastOn(STREAMS.commands, commandSubject('verify', 'start', runId));
  return command?.data as Parameters<Verify>[0]; // The orchestrator has just sent it.
}

const context = (): Parameters<Verify>[1] => ({
  ...{ signal: new AbortController().signal, progress: () => {}, log: testLogger() },
  now: () => performance.now(),
});

test.run();
