/** Headers of stored messages on a real server: those of the event, and a sender who chooses binary mode. */
import { headers } from '@nats-io/nats-core';
import { CloudEvent, HTTP } from 'cloudevents';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CTL, modelDeployedSubject, STREAMS, timerFiredSubject } from '../../../contracts/subjects.ts';
import { createBus, type Delivery } from '../../../infra/messaging/bus.ts';
import { managerOf } from '../../../infra/messaging/jetstream.ts';
import { createTimers } from '../../../infra/messaging/timers.ts';
import { CONSUMERS } from '../../../infra/topology/consumers.ts';
import { withServer, type TestServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

async function openBus({ connect, log }: TestServer) {
  const nc = await connect();
  let ids = 0;
  return { nc, bus: await createBus({ nc, source: 'test', log, now: () => new Date(), newId: () => `id-${++ids}` }) };
}

test('publish: a stored event has its attributes in headers; read back by a subject it is the same', () =>
  withServer(async (server) => {
    const { nc, bus } = await openBus(server);
    const subject = modelDeployedSubject('face');
    await bus.publish(subject, { release: 1 }, { id: 'n1.deployed', traceparent: '00-1-2-01' });
    const { streams } = await managerOf(nc);
    const stored = await streams.getMessage(STREAMS.events, { last_by_subj: subject });
    const of = (name: string) => stored!.header.get(name);
    assert.equal(
      ['ce-id', 'Nats-Msg-Id', 'ce-type', 'ce-subject', 'ce-source', 'traceparent', 'ce-specversion'].map(of),
      ['n1.deployed', 'n1.deployed', 'nightshift.evt.model.deployed', subject, 'nightshift/test', '00-1-2-01', ''],
    );
    assert.match(of('content-type'), /^application\/cloudevents\+json/);
    assert.is((await bus.lastOn(STREAMS.events, subject))?.id, 'n1.deployed');
  }));

test('publish: a command in binary mode is handled as any other, under the id that its sender gave', () =>
  withServer(async (server) => {
    const { nc, bus } = await openBus(server);
    const seen: Delivery[] = [];
    const handle = async (delivery: Delivery) => void seen.push(delivery);
    const consumption = bus.consume({ stream: STREAMS.ctl, consumer: CONSUMERS.ctl, concurrency: 1, handle });
    const event = new CloudEvent({ id: 'desk-7', source: '/desk', type: 'start', data: { model: 'face' } });
    const { headers: attributes, body } = HTTP.binary(event);
    const meta = headers();
    for (const [name, value] of Object.entries(attributes)) meta.set(name, String(value));
    nc.publish(CTL.pipelineStart, body as string, { headers: meta });
    await until(() => seen.length === 1, 'the command');
    const { id, source, data } = seen[0]!.envelope;
    assert.equal([id, source, data], ['desk-7', '/desk', { model: 'face' }]);
    await consumption.stop();
  }));

test('publish: a timer that fires still has the headers of its event', () =>
  withServer(async (server) => {
    const { nc } = await openBus(server);
    const timers = await createTimers({ nc, source: 'test', now: () => new Date() });
    await timers.set({ runId: 'r1', timerId: 't1', dueAt: new Date(0), payload: {}, id: 'r1.t1.0' });
    const { streams } = await managerOf(nc);
    const query = { last_by_subj: timerFiredSubject('r1', 't1') };
    const fired = await until(() => streams.getMessage(STREAMS.timers, query), 'the timer fires');
    assert.is(fired.header.get('ce-id'), 'r1.t1.0');
    assert.is(fired.header.get('ce-subject'), timerFiredSubject('r1', 't1'));
  }));

test.run();
