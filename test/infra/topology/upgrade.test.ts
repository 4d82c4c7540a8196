/**
 * A store as 0.4.0 left it, brought to the names of today: everything is there under its old sequence, readers go on where
 * they stood, timers fire, and an upgrade that is ended again and again goes on from there.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nanos, type NatsConnection } from '@nats-io/nats-core';
import { jetstream, jetstreamManager, type JetStreamManager, type StoredMsg } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BUCKETS,
  STREAMS,
  timerFiredSubject,
  timerScheduleSubject,
  workEventSubject,
} from '../../../contracts/subjects.ts';
import { managerOf, wireManagerOf } from '../../../infra/messaging/jetstream.ts';
import { connectNats } from '../../../infra/messaging/connection.ts';
import { launchServer } from '../../../infra/server/server.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { openKv } from '../../../infra/stores/record-store.ts';
import { CONSUMER_SPECS, CONSUMERS } from '../../../infra/topology/consumers.ts';
import { localSubject, wireName } from '../../../infra/topology/namespace.ts';
import { kvStreamName, objectStreamName, streamsOf } from '../../../infra/topology/streams.ts';
import { applyTopology, planTopology } from '../../../infra/topology/topology.ts';
import { LAYOUT_1 } from '../../../infra/topology/upgrade.ts';
import { failureOf } from '../../support/failures.ts';
import { withFolder } from '../../support/folder.ts';
import { withRoles } from '../../support/identities.ts';
import { testLogger, withBareServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';
import { wireStreamOf } from '../../support/wire-names.ts';

const ONE = { replicas: 1 };
const EVENTS = 20;
const READ = 12;
const NOTICES = ['MAX_DELIVERIES', 'MSG_TERMINATED'].map((why) => `$JS.EVENT.ADVISORY.CONSUMER.${why}.*.*`);
const WEIGHTS = Buffer.alloc(3_000_000, 7);

/** Names without a namespace and without a mark; the limits are those of today. */
async function layOut(manager: JetStreamManager): Promise<void> {
  for (const spec of streamsOf(ONE).filter(({ name }) => name in LAYOUT_1)) {
    await manager.streams.add({ ...spec, ...(spec.name === STREAMS.advisories ? { subjects: NOTICES } : {}) });
  }
  for (const { stream, config } of CONSUMER_SPECS) {
    await manager.consumers.add(
      stream,
      stream === STREAMS.advisories ? { ...config, filter_subjects: NOTICES } : config,
    );
  }
}

async function fill(nc: NatsConnection, manager: JetStreamManager): Promise<void> {
  const js = jetstream(nc);
  const event = (n: number) => workEventSubject('train', 'completed', `r${n}`);
  for (let n = 1; n <= EVENTS; n++) await js.publish(event(n), `{"n":${n}}`, { msgID: `event-${n}` });
  await take(nc, STREAMS.events, CONSUMERS.events, READ);
  await manager.streams.deleteMessage(STREAMS.events, 2, true);
  for (let n = 1; n <= 5; n++) await js.publish('nightshift.ctl.pipeline.start', `{"n":${n}}`);
  await take(nc, STREAMS.ctl, CONSUMERS.ctl, 3);
  for (let n = 1; n <= 7; n++) await js.publish(`nightshift.cmd.train.start.r${n}`, '{}');
  await take(nc, STREAMS.commands, 'train-start', 7);
  for (let n = 1; n <= 4; n++) await js.publish(`$KV.RUNS.run.r${n % 2}`, `{"n":${n}}`);
  await js.publish('nightshift.audit.pipeline.start', '{}');
  await js.publish('$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.CTL.orchestrator-ctl', '{"stream":"CTL"}');
  const bucket = await new Objm(js).open(BUCKETS.models, false);
  await bucket.putBlob({ name: 'weights' }, WEIGHTS);
  for (const [id, dueInMs] of [
    ['soon', 4_000],
    ['late', 3_600_000],
  ] as const) {
    const target = timerFiredSubject('r1', id);
    const schedule = { specification: new Date(Date.now() + dueInMs), target, ttl: '720h' };
    await js.publish(timerScheduleSubject('r1', id), `{"id":"${id}"}`, { msgID: id, schedule });
  }
  await manager.streams.update(STREAMS.dlq, { max_age: nanos(400 * 24 * 3600_000) });
}

async function take(nc: NatsConnection, stream: string, consumer: string, count: number): Promise<void> {
  const messages = await (await jetstream(nc).consumers.get(stream, consumer)).fetch({ max_messages: count });
  for await (const message of messages) await message.ackAck();
}

type Kept = readonly [seq: number, subject: string, body: string, time: string];

async function contentOf(manager: JetStreamManager, stream: string): Promise<Kept[]> {
  const kept: Kept[] = [];
  const { state } = await manager.streams.info(stream);
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message: StoredMsg | null = await manager.streams.getMessage(stream, { seq });
    // Notices of the server itself, about streams that come and go, are of no account here.
    if (message) kept.push([seq, localSubject('nightshift', message.subject), message.string(), message.timestamp]);
  }
  return kept;
}

const WHOLE = [
  ...[STREAMS.events, STREAMS.ctl, STREAMS.audit, STREAMS.advisories],
  ...[kvStreamName(BUCKETS.runs), objectStreamName(BUCKETS.models)],
];

async function holdsAll(nc: NatsConnection, before: readonly (readonly [string, Kept[]])[]): Promise<void> {
  const manager = await wireManagerOf(nc);
  for (const [stream, content] of before) assert.equal(await contentOf(manager, wireStreamOf(stream)), content, stream);
  const names: string[] = [];
  for await (const name of manager.streams.names()) names.push(name);
  assert.equal(
    names.sort(),
    streamsOf(ONE)
      .map(({ name }) => wireStreamOf(name))
      .sort(),
  );
  assert.equal(await planTopology(nc, ONE), [
    {
      kind: 'change',
      what: `stream ${wireStreamOf(STREAMS.dlq)}`,
      fields: [{ field: 'max_age', from: nanos(400 * 24 * 3600_000), to: nanos(90 * 24 * 3600_000), isKept: true }],
    },
  ]);
  // The next that the orchestrator hears is the first that it had not handled.
  const of = (consumer: string) => wireName('nightshift', consumer);
  const next = await (await jetstream(nc).consumers.get(wireStreamOf(STREAMS.events), of(CONSUMERS.events))).next();
  assert.is(next?.seq, READ + 1);
  const { streams, consumers } = await managerOf(nc);
  assert.is((await consumers.info(STREAMS.ctl, CONSUMERS.ctl)).num_pending, 2);
  assert.is((await streams.info(STREAMS.commands)).state.last_seq, 7);
  // What was stored once is not stored again, and records and objects are read as ever.
  const again = await jetstream(nc).publish(workEventSubject('train', 'completed', 'r20'), '{}', { msgID: 'event-20' });
  assert.ok(again.duplicate);
  const kv = await openKv(nc, BUCKETS.runs);
  assert.equal([(await kv.get('run.r0'))?.revision, (await kv.get('run.r1'))?.revision], [4, 3]);
  const blobs = createBlobStore(nc);
  const found = await blobs.find('MODELS', 'weights');
  assert.ok(WEIGHTS.equals(Buffer.from(await blobs.get(found!))));
  // A timer fires although it was set under other names, once, and the other still waits.
  const timers = async () =>
    Object.keys((await streams.info(STREAMS.timers, { subjects_filter: '>' })).state.subjects ?? {}).sort();
  const fired = [timerScheduleSubject('r1', 'late'), timerFiredSubject('r1', 'soon')].sort();
  await until(async () => (await timers()).join() === fired.join(), 'the timer that is due', 20_000);
  const { state } = await streams.info(STREAMS.timers, { subjects_filter: timerFiredSubject('r1', 'soon') });
  assert.is(state.subjects?.[timerFiredSubject('r1', 'soon')], 1);
}

test('upgrade: a store of 0.4.0 is brought to the names of today with all that is in it', () =>
  withBareServer(async ({ connect }) => {
    const nc = await connect();
    const manager = await jetstreamManager(nc);
    await layOut(manager);
    await fill(nc, manager);
    const before = await Promise.all(WHOLE.map(async (stream) => [stream, await contentOf(manager, stream)] as const));
    const planned = await planTopology(nc, ONE);
    assert.is(planned.length, Object.keys(LAYOUT_1).length);
    assert.ok(planned.some(({ kind, what }) => kind === 'rename' && what === 'stream EVENTS to nightshift_EVENTS'));
    await applyTopology(nc, ONE);
    await holdsAll(nc, before);
  }));

/** Each changes what is on the server. */
const CHANGES = /^\$JS\.API\.(STREAM\.(CREATE|UPDATE|DELETE)|CONSUMER\.(DURABLE\.)?CREATE)\.|^nightshift\.timer\./;

test('upgrade: one that is ended after one to three changes, again and again, goes on from there', () =>
  withBareServer(async ({ connect }) => {
    const nc = await connect();
    const manager = await jetstreamManager(nc);
    await layOut(manager);
    await fill(nc, manager);
    const before = await Promise.all(WHOLE.map(async (stream) => [stream, await contentOf(manager, stream)] as const));
    let ends = 0;
    for (let isDone = false; !isDone;) {
      const mortal = await connect();
      // One after the other as a rule; the timers are set anew together.
      const changesMax = 1 + (ends % 3);
      let changes = 0;
      const request = mortal.request.bind(mortal);
      // As kill -9 would: nothing more comes from it.
      mortal.request = async (subject, ...rest) => {
        if (CHANGES.test(subject) && ++changes > changesMax) throw new Error('killed');
        return request(subject, ...rest);
      };
      isDone = await applyTopology(mortal, ONE).then(
        () => true,
        (error: Error) => {
          assert.is(error.message, 'killed');
          return false;
        },
      );
      if (!isDone) ends += 1;
    }
    assert.ok(ends > 20, `${ends} ends`);
    await holdsAll(nc, before);
  }));

test('upgrade: as long as an actor of the version before asks for work, nothing is changed', () =>
  withBareServer(async ({ connect }) => {
    const nc = await connect();
    const manager = await jetstreamManager(nc);
    await layOut(manager);
    const consumer = await jetstream(await connect()).consumers.get(STREAMS.commands, 'train-start');
    const messages = await consumer.consume();
    const asking = (async () => {
      for await (const message of messages) message.nak();
    })();
    await until(async () => (await consumer.info()).num_waiting > 0, 'an actor that asks');
    const names = async () => {
      const found: string[] = [];
      for await (const name of manager.streams.names()) found.push(name);
      return found;
    };
    const before = await names();
    const { code, message } = await failureOf(applyTopology(nc, ONE));
    assert.is(code, 'LAYOUT_UNKNOWN');
    assert.match(
      message,
      /stream COMMANDS is of Nightshift 0\.4\.0 or before.*asks train-start for work: end all actors/,
    );
    assert.equal(await names(), before);
    await messages.close();
    await asking;
  }));

test('upgrade: our own server gives `setup` the rights for it, and takes them back afterwards', () =>
  withFolder(async (folder) => {
    const [storeDir, log] = [join(folder, 'store'), testLogger()];
    const rights = () => readFileSync(join(storeDir, 'nats-server.conf'), 'utf8').includes('STREAM.DELETE.EVENTS');
    const old = await launchServer({ storeDir, log });
    const nc = await connectNats({ url: old.url, name: 'test', log });
    await layOut(await jetstreamManager(nc));
    await jetstream(nc).publish('nightshift.ctl.pipeline.start', '{}');
    await nc.close();
    await old.stop();
    for (const isUpgraded of [false, true]) {
      const server = await launchServer({ storeDir, hasIdentities: true, log });
      try {
        assert.is(rights(), !isUpgraded);
        await withRoles({ url: server.url, storeDir }, ['setup'], async ({ setup }) => {
          const changes = await applyTopology(setup.nc, ONE);
          assert.is(
            changes.filter(({ kind }) => kind === 'rename').length,
            isUpgraded ? 0 : Object.keys(LAYOUT_1).length,
          );
          assert.is((await (await managerOf(setup.nc)).streams.info(STREAMS.ctl)).state.messages, 1);
        });
      } finally {
        await server.stop();
      }
    }
  }));

test.run();
