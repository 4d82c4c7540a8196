/** `setup` on a server that other people use, too: nothing of theirs is touched, and nothing of ours is lowered by mistake. */
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { STREAMS } from '../../../contracts/subjects.ts';
import { awaitTopology } from '../../../infra/topology/await-topology.ts';
import { wireManagerOf } from '../../../infra/messaging/jetstream.ts';
import { markOf } from '../../../infra/topology/owner.ts';
import { inWords } from '../../../infra/topology/plan.ts';
import { applyTopology, planTopology } from '../../../infra/topology/topology.ts';
import { failureOf } from '../../support/failures.ts';
import { withBareServer } from '../../support/server.ts';
import { wireStreamOf } from '../../support/wire-names.ts';

const EVENTS = wireStreamOf(STREAMS.events);
const COUNT = 50;
const ONE = { replicas: 1 };

const all = async (manager: JetStreamManager) => {
  const found: (readonly [name: string, config: StreamConfig, messages: number])[] = [];
  for await (const { config, state } of manager.streams.list()) found.push([config.name, config, state.messages]);
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
};

/** A stream of another team with messages in it. */
async function orders(
  nc: NatsConnection,
  config: Partial<StreamConfig> & { readonly name: string; readonly subjects: string[] },
) {
  const manager = await wireManagerOf(nc);
  await manager.streams.add(config);
  for (let n = 0; n < COUNT; n++)
    await manager.jetstream().publish(config.subjects[0]!.replace('>', `n.${n}`), 'theirs');
  return manager;
}

test('topology: a stream EVENTS of another team and ours live side by side', () =>
  withBareServer(async ({ connect }) => {
    const nc = await connect();
    const manager = await orders(nc, { name: 'EVENTS', subjects: ['orders.>'] });
    const before = await all(manager);
    await applyTopology(nc, ONE);
    const after = await all(manager);
    assert.equal(
      after.filter(([name]) => name === 'EVENTS'),
      before,
    );
    assert.ok(after.some(([name]) => name === EVENTS));
  }));

test('topology: a stream under our name without our mark ends the start, and nothing at all is changed', () =>
  withBareServer(async ({ connect, log }) => {
    const nc = await connect();
    const manager = await orders(nc, { name: EVENTS, subjects: ['orders.>'], metadata: { team: 'orders' } });
    const before = await all(manager);
    for (const attempt of [() => applyTopology(nc, ONE), () => applyTopology(nc, { ...ONE, force: true })]) {
      const { code, message } = await failureOf(attempt);
      assert.is(code, 'STREAM_FOREIGN');
      assert.match(
        message,
        new RegExp(`stream ${EVENTS} .*set another nats\\.namespace .*or move or delete that stream`),
      );
    }
    assert.equal(await all(manager), before);
    // An actor that finds one in place of ours ends as well, rather than wait for ever.
    await manager.streams.delete(EVENTS);
    await applyTopology(nc, ONE);
    await manager.streams.update(wireStreamOf(STREAMS.commands), { metadata: markOf('production') });
    assert.is((await failureOf(awaitTopology(nc, 'trainer', log))).code, 'STREAM_FOREIGN');
  }));

test('topology: a stream of another name on subjects of ours is named with them', () =>
  withBareServer(async ({ connect }) => {
    const nc = await connect();
    const manager = await orders(nc, { name: 'ALL_NIGHT', subjects: ['nightshift.evt.>'] });
    const before = await all(manager);
    const { code, message } = await failureOf(planTopology(nc, ONE));
    assert.is(code, 'STREAM_FOREIGN');
    assert.match(message, /stream ALL_NIGHT takes nightshift\.evt\.>, which Nightshift needs.*nats\.namespace/);
    assert.is((await failureOf(applyTopology(nc, ONE))).code, 'STREAM_FOREIGN');
    assert.equal(await all(manager), before);
  }));

test('topology: what was raised by hand is not lowered by the next setup, but for one that is forced', () =>
  withBareServer(async ({ connect }) => {
    const nc = await connect();
    const manager = await wireManagerOf(nc);
    await applyTopology(nc, ONE);
    assert.equal(await planTopology(nc, ONE), []);
    const { config } = await manager.streams.info(EVENTS);
    const raised = { max_age: config.max_age * 2, max_bytes: config.max_bytes * 2 };
    await manager.streams.update(EVENTS, { ...raised, discard: 'new' } as Partial<StreamConfig>);
    const [planned] = await planTopology(nc, ONE);
    assert.is(planned?.what, `stream ${EVENTS}`);
    assert.equal(
      planned?.fields.map((field) => [inWords(field), field.isKept]),
      [
        ['max_age: 5184000 s -> 2592000 s', true],
        ['discard: new -> old', false],
        ['max_bytes: 1073741824 -> 536870912', true],
      ],
    );
    const limits = async () => {
      const now = (await manager.streams.info(EVENTS)).config;
      return { max_age: now.max_age, max_bytes: now.max_bytes };
    };
    await applyTopology(nc, ONE);
    assert.equal(await limits(), raised);
    await applyTopology(nc, { ...ONE, force: true });
    assert.equal(await limits(), { max_age: config.max_age, max_bytes: config.max_bytes });
    assert.equal(await planTopology(nc, ONE), []);
  }));

test('topology: streams of a newer layout are refused by setup and by actors', () =>
  withBareServer(async ({ connect, log }) => {
    const nc = await connect();
    const manager = await wireManagerOf(nc);
    await applyTopology(nc, ONE);
    const commands = wireStreamOf(STREAMS.commands);
    await manager.streams.update(commands, { metadata: { ...markOf('nightshift'), 'nightshift.io/layout': '99' } });
    const before = await all(manager);
    for (const attempt of [applyTopology(nc, { ...ONE, force: true }), awaitTopology(nc, 'trainer', log)]) {
      const { code, message } = await failureOf(attempt);
      assert.is(code, 'LAYOUT_UNKNOWN');
      assert.match(message, `stream ${commands} is of layout 99`);
    }
    assert.equal(await all(manager), before);
  }));

test.run();
