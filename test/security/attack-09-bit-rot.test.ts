/**
 * Attack 9: bits that turn in the store. The newest message of DEPLOYMENTS, RUNS, MODELS and ENROLMENTS is changed at 200
 * places each and put back by way of NATS, because nats-server's own checksums catch a change on its disk. Each change gives
 * the same state or is refused aloud, and the release in service goes on answering.
 */
import { join } from 'node:path';
import { headers, type MsgHdrs } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckpointSchema } from '../../actors/orchestrator/context.ts';
import { sealDeployments } from '../../actors/orchestrator/sealed-deployments.ts';
import { connectClient, type Client } from '../../cli/client.ts';
import { toFailure } from '../../contracts/errors.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { DeploymentSchema } from '../../contracts/release.ts';
import { API, BUCKETS, enrolmentsOf, STREAMS } from '../../contracts/subjects.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { clientOf, managerOf } from '../../infra/messaging/jetstream.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { createEnrolmentLog, type Enrolment } from '../../infra/stores/enrolment-log.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { chunkSubject, objectStreamName } from '../../infra/topology/streams.ts';
import { startSystem } from '../../main.ts';
import { firstCheckpoint } from '../../machines/step.ts';
import { assertServes, deployTinyChampion, type Deployed } from '../support/champion.ts';
import { configureAsIn } from '../support/configured.ts';
import { withFolder } from '../support/folder.ts';
import { ask, faceOf, MODEL } from '../support/replicas.ts';
import { nightInput } from '../support/runs.ts';
import { testLogger, withServer } from '../support/server.ts';
import { keysIn, type Keys } from '../support/signed.ts';
import { until } from '../support/wait.ts';

const SAMPLES = 200;

interface Target extends Client {
  readonly keys: Keys;
  readonly deployed: Deployed;
  alarms(): Promise<readonly string[]>;
}

/** A system that serves a signed champion; it must serve it still when the test is done. */
const rotting = (use: (target: Target) => Promise<void>) =>
  withFolder((folder) =>
    withServer(async ({ url, log }) => {
      const keys = keysIn(folder);
      const config = ConfigSchema.parse({
        nats: { url },
        releases: { keysDir: keys.keysDir, stateDir: join(folder, 'served') },
        models: { [MODEL]: { sources: [{ type: 'directory', name: 'people', path: '/people' }] } },
      });
      const client = await connectClient(url, log);
      await configureAsIn(client.nc, config);
      const system = await startSystem(config, log, ['inference', 'orchestrator']);
      try {
        const deployed = await deployTinyChampion(client.nc, { store: folder });
        const alarms = async () => (await client.ask(API.status, {})).models[0]!.alarms;
        await use({ ...client, ...{ keys, deployed, alarms } });
        await assertServes(client.nc, deployed.champion);
      } finally {
        await client.close();
        await system.stop();
      }
    }),
  );

/** Copies with one turned bit each, at places that are spread over the whole. */
function* flipped(bytes: Uint8Array, count = SAMPLES): Generator<Buffer> {
  const samples = Math.min(count, bytes.length);
  for (let sample = 0; sample < samples; sample++) {
    const copy = Buffer.from(bytes);
    copy[Math.floor((sample * bytes.length) / samples)]! ^= 1 << (sample % 8);
    yield copy;
  }
}

interface Tally {
  same: number;
  loud: number;
}

/** The outcome of one turned bit: what was read is as before, or reading has failed aloud. */
async function count<T>(tally: Tally, reading: Promise<T>, expected: T, codes: readonly string[]): Promise<void> {
  const read = await reading.then(
    (value) => ({ value }),
    (error: unknown) => ({ failure: toFailure(error) }),
  );
  if ('failure' in read) {
    assert.ok(codes.includes(read.failure.code), `${read.failure.code}: ${read.failure.message}`);
    tally.loud += 1;
  } else {
    assert.equal(read.value, expected);
    tally.same += 1;
  }
}

const total = ({ same, loud }: Tally) => same + loud;

test('attack 9: DEPLOYMENTS, a turned bit is passed over or refused, by the orchestrator and by the replica', () =>
  rotting(async ({ nc, keys, deployed, alarms }) => {
    const kv = await openKv(nc, BUCKETS.deployments);
    const good = (await kv.get(MODEL))!.value;
    const plain = createRecordStore({ kv, schema: DeploymentSchema });
    const expected = (await plain.load(MODEL))!.value;
    const tally: Tally = { same: 0, loud: 0 };
    for (const bad of flipped(good)) {
      await kv.put(MODEL, bad);
      const store = sealDeployments({ store: plain, signing: keys.signing, log: testLogger() });
      const value = store.load(MODEL).then((stored) => stored?.value);
      await count(tally, value, expected, ['RECORD_LOST']);
      // Eight revisions are kept: the good one has to be among them.
      if (total(tally) % 4 === 0) await kv.put(MODEL, good);
    }
    assert.is(total(tally), SAMPLES);
    assert.is(tally.same, SAMPLES);
    await kv.put(MODEL, Buffer.from(good).fill(0x21, 40, 41));
    await until(async () => (await alarms()).length > 0, 'the alarm of the replica');
    await assertServes(nc, deployed.champion);
    await kv.put(MODEL, good);
    await until(async () => (await alarms()).length === 0, 'no alarm');
  }));

test('attack 9: DEPLOYMENTS, if every revision that is kept is turned, that is said and none is made up', () =>
  rotting(async ({ nc, deployed, ask: question }) => {
    const kv = await openKv(nc, BUCKETS.deployments);
    const good = (await kv.get(MODEL))!.value;
    for (const bad of flipped(good, 12)) await kv.put(MODEL, bad);
    await until(
      async () => (await question(API.status, {})).models[0]!.alarms.some((it) => it.startsWith('replica')),
      'the alarm of the replica',
    );
    await assertServes(nc, deployed.champion);
    await kv.put(MODEL, good);
  }));

test('attack 9: RUNS, a checkpoint with a turned bit is read as it was or refused', () =>
  rotting(async ({ nc }) => {
    const kv = await openKv(nc, BUCKETS.runs);
    const store = createRecordStore({ kv, schema: CheckpointSchema });
    await store.save('run.r1', firstCheckpoint(nightInput(), 'm1', new Date()), 0);
    const good = (await kv.get('run.r1'))!.value;
    const expected = (await store.load('run.r1'))!.value;
    const tally: Tally = { same: 0, loud: 0 };
    for (const bad of flipped(good)) {
      await kv.put('run.r1', bad);
      const value = store.load('run.r1').then((stored) => withoutStrays(stored!.value));
      await count(tally, value, withoutStrays(expected), ['RECORD_DAMAGED']);
    }
    assert.is(total(tally), SAMPLES);
    assert.ok(tally.loud > SAMPLES * 0.9, `${tally.loud} of ${SAMPLES} are refused`);
  }));

/** A turned bit in the checksum's own name leaves a field that nobody reads. */
const withoutStrays = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([name]) => CHECKPOINT_FIELDS.includes(name)));
const CHECKPOINT_FIELDS = Object.keys(firstCheckpoint(nightInput(), 'm1', new Date()));

test('attack 9: MODELS, a turned bit in a chunk or in the description gives the same bytes or an error', () =>
  rotting(async ({ nc, deployed }) => {
    const { model } = deployed.champion;
    const blobs = createBlobStore(nc);
    const manager = await managerOf(nc);
    const stream = objectStreamName(model.bucket);
    const described = (await manager.streams.getMessage(stream, { last_by_subj: descriptionSubject(model) }))!;
    const info = described.json<{ nuid: string }>();
    const chunk = (await manager.streams.getMessage(stream, { last_by_subj: chunkSubject(model.bucket, info.nuid) }))!;
    const expected = await blobs.get(model);
    const put = (to: string, body: Uint8Array, meta?: MsgHdrs) =>
      clientOf(nc).publish(to, body, meta ? { headers: meta } : {});
    const replacing = () => {
      const meta = headers();
      meta.set('Nats-Rollup', 'sub');
      return meta;
    };
    const tally: Tally = { same: 0, loud: 0 };
    const codes = ['BLOB_CORRUPT', 'BLOB_MISSING', 'NATS_UNAVAILABLE', 'INTERNAL'];
    for (const bad of flipped(described.data, SAMPLES / 2)) {
      await put(described.subject, bad, replacing());
      await count(tally, blobs.get(model), expected, codes);
    }
    let turned = 0;
    for (const bad of flipped(chunk.data, SAMPLES / 2)) {
      const nuid = `rotten${turned++}`;
      await put(chunkSubject(model.bucket, nuid), bad);
      await put(described.subject, Buffer.from(JSON.stringify({ ...info, nuid })), replacing());
      await count(tally, blobs.get(model), expected, codes);
    }
    assert.is(total(tally), SAMPLES);
    assert.ok(tally.loud >= SAMPLES / 2, `${tally.loud} of ${SAMPLES} are refused`);
    await put(described.subject, described.data, replacing());
    assert.equal(await blobs.get(model), expected);
  }));

/** As @nats-io/obj names it: the key in base64 for addresses, padded. */
const descriptionSubject = ({ bucket, key }: BlobRef) =>
  `$O.${bucket}.M.${Buffer.from(key).toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`;

test('attack 9: ENROLMENTS, a turned bit in image, name or id is left out aloud, or changes nothing', () =>
  rotting(async ({ nc, alarms }) => {
    const enrolments = await createEnrolmentLog(nc, 'other', testLogger());
    const image = await faceOf(0);
    await enrolments.append({ person: 'Grace', image, by: 'enroller' }, 0);
    const manager = await managerOf(nc);
    const filter = { last_by_subj: enrolmentsOf('other') };
    const { subject, header, data } = (await manager.streams.getMessage(STREAMS.enrolments, filter))!;
    const names = ['Nightshift-Person', 'Nats-Msg-Id'];
    const values = names.map((name) => Buffer.from(header.get(name)));
    const whole = Buffer.concat([...values, data]);
    const cuts = [values[0]!.length, values[0]!.length + values[1]!.length];
    let sent = 0;
    for (const bad of flipped(whole)) {
      const meta = headers();
      const [person, id] = [bad.subarray(0, cuts[0]), bad.subarray(cuts[0], cuts[1])].map((it) =>
        it.toString('latin1'),
      );
      // A line of headers cannot hold these; the server or the client refuses such a message aloud.
      if (/[\r\n\0]/.test(`${person}${id}`)) continue;
      meta.set(names[0]!, person!);
      // The server takes each id once.
      meta.set(names[1]!, `${sent}.${id}`);
      await clientOf(nc).publish(subject, bad.subarray(cuts[1]), { headers: meta });
      sent += 1;
    }
    const heard: Enrolment[] = [];
    const reader = enrolments.follow(async (enrolment) => void heard.push(enrolment));
    await until(() => heard.length === sent + 1, 'all enrolments');
    reader.stop();
    const isSame = ({ person, image: got }: Enrolment) => person === 'Grace' && got !== null && image.equals(got);
    for (const enrolment of heard) assert.ok(enrolment.damage !== null || isSame(enrolment), JSON.stringify(enrolment));
    assert.ok(heard.filter(({ damage }) => damage !== null).length > sent * 0.5);
    await heardByReplica(nc, image, alarms);
  }));

/** The replica in service leaves the person out, says so, and answers on. */
async function heardByReplica(nc: Client['nc'], image: Buffer, alarms: Target['alarms']): Promise<void> {
  const { status } = await ask(nc, 'enroll', image, { person: 'Ada' });
  assert.is(status, 200);
  const manager = await managerOf(nc);
  const found = (await manager.streams.getMessage(STREAMS.enrolments, { last_by_subj: enrolmentsOf(MODEL) }))!;
  const meta = headers();
  meta.set('Nightshift-Person', found.header.get('Nightshift-Person'));
  meta.set('Nats-Msg-Id', found.header.get('Nats-Msg-Id').replace(/.$/, '!'));
  await clientOf(nc).publish(found.subject, found.data, { headers: meta });
  await until(async () => (await alarms()).some((it) => it.includes('is not what was enrolled')), 'the alarm');
  await ask(nc, 'remove', new Uint8Array(0), { person: 'Ada' });
}

test.run();
