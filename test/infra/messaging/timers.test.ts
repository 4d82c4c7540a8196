/** Durable timers against a real server, across a kill -9 of it. */
import type { NatsConnection } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { STREAMS, timerFiredSubject } from '../../../contracts/subjects.ts';
import { createBus, type Delivery } from '../../../infra/messaging/bus.ts';
import { CONSUMERS } from '../../../infra/topology/consumers.ts';
import { createTimers, type Timers } from '../../../infra/messaging/timers.ts';
import { withServer, type TestServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';
import { managerOf } from '../../../infra/messaging/jetstream.ts';

interface Fixture extends TestServer {
  readonly nc: NatsConnection;
  readonly timers: Timers;
  readonly fired: Delivery[];
}

const now = () => new Date();
const inMs = (ms: number) => new Date(Date.now() + ms);
/** Far enough never to fire within a test. */
const LATER_MS = 3600_000;

const withTimers = (use: (fixture: Fixture) => Promise<void>) =>
  withServer(async (server) => {
    const nc = await server.connect();
    const timers = await createTimers({ nc, source: 'orchestrator', now });
    const bus = await createBus({ nc, source: 'orchestrator', log: server.log, now, newId: () => 'unused' });
    const fired: Delivery[] = [];
    const consumption = bus.consume({
      stream: STREAMS.timers,
      consumer: CONSUMERS.timers,
      concurrency: 1,
      handle: async (delivery) => void fired.push(delivery),
    });
    await use({ ...server, nc, timers, fired });
    await consumption.stop();
  });

test('timers: a timer fires once, when it is due, with its id and payload', () =>
  withTimers(async ({ timers, fired }) => {
    const dueAt = inMs(400);
    await timers.set({ runId: 'r1', timerId: 'retry', dueAt, payload: { armedAt: 3 }, id: 'r1.retry.3' });
    assert.equal(await timers.waiting('r1'), ['retry']);
    await until(() => fired.length === 1, 'the timer');
    assert.ok(Date.now() >= dueAt.getTime(), 'not before its time');
    assert.is(fired[0]!.subject, timerFiredSubject('r1', 'retry'));
    assert.is(fired[0]!.envelope.id, 'r1.retry.3');
    assert.equal(fired[0]!.envelope.data, { armedAt: 3 });
    assert.equal(await timers.waiting('r1'), []);
  }));

test('timers: a moment in the past fires at once', () =>
  withTimers(async ({ timers, fired }) => {
    await timers.set({ runId: 'r1', timerId: 't', dueAt: inMs(-LATER_MS), payload: {}, id: 'a' });
    await until(() => fired.length === 1, 'the timer');
  }));

test('timers: setting a timer again replaces it, and the same setting repeated changes nothing', () =>
  withTimers(async ({ timers, fired }) => {
    await timers.set({ runId: 'r1', timerId: 't', dueAt: inMs(LATER_MS), payload: 1, id: 'first' });
    await timers.set({ runId: 'r1', timerId: 't', dueAt: inMs(100), payload: 2, id: 'second' });
    await timers.set({ runId: 'r1', timerId: 't', dueAt: inMs(LATER_MS), payload: 1, id: 'first' });
    await until(() => fired.length === 1, 'the second setting');
    assert.is(fired[0]!.envelope.data, 2);
    assert.equal(await timers.waiting('r1'), []);
  }));

test('timers: a cancelled timer is gone, and others are not', () =>
  withTimers(async ({ timers, fired }) => {
    await timers.set({ runId: 'r1', timerId: 'a', dueAt: inMs(500), payload: {}, id: 'a' });
    await timers.set({ runId: 'r1', timerId: 'b', dueAt: inMs(600), payload: {}, id: 'b' });
    await timers.cancel('r1', 'a');
    await timers.cancel('r1', 'never-set');
    assert.equal(await timers.waiting('r1'), ['b']);
    await until(() => fired.length > 0, 'the other timer');
    assert.equal(
      fired.map(({ envelope }) => envelope.id),
      ['b'],
    );
  }));

test('timers: a timer that fell due while the server was down fires after its restart, once', () =>
  withTimers(async ({ timers, fired, server, nc }) => {
    await timers.set({ runId: 'r1', timerId: 't', dueAt: inMs(200), payload: {}, id: 'x' });
    const before = server.pid!;
    process.kill(before, 'SIGKILL');
    await until(() => server.pid !== before, 'the restart');
    await until(() => fired.length > 0, 'the timer');
    const manager = await managerOf(nc);
    const info = await manager.streams.info(STREAMS.timers, { subjects_filter: timerFiredSubject('r1', 't') });
    assert.is(info.state.subjects?.[timerFiredSubject('r1', 't')], 1);
  }));

test.run();
