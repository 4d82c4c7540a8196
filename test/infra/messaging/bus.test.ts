/** The bus against a real server: what is stored, what is repeated, and what becomes a dead letter. */
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { REPLY_TO_HEADER } from '../../../contracts/commands.ts';
import { DEAD_LETTER_HEADERS } from '../../../contracts/dead-letter.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { commandSubject, CTL, deadLetterSubject, STREAMS, workEventSubject } from '../../../contracts/subjects.ts';
import { createBus, type Bus, type ConsumeOptions, type Delivery } from '../../../infra/messaging/bus.ts';
import { backoffOf } from '../../../infra/messaging/conclude.ts';
import { CONSUMERS, workerConsumer } from '../../../infra/topology/consumers.ts';
import { HEADER_BYTES_MAX, MESSAGE_BYTES_MAX } from '../../../infra/messaging/publish.ts';
import { withServer } from '../../support/server.ts';
import { createGate, until } from '../../support/wait.ts';
import { clientOf, managerOf } from '../../../infra/messaging/jetstream.ts';

const CTL_CONSUMER = { stream: STREAMS.ctl, consumer: CONSUMERS.ctl, concurrency: 1, backoffMs: 10 } as const;

interface Fixture {
  readonly nc: NatsConnection;
  readonly bus: Bus;
  /** Consumes operator commands until the test ends. */
  consume(options: Partial<ConsumeOptions> & Pick<ConsumeOptions, 'handle'>): void;
  deadLetter(): Promise<{ readonly code: string; readonly body: Uint8Array; header(name: string): string }>;
}

const withBus = (use: (fixture: Fixture) => Promise<void>) =>
  withServer(async ({ connect, log }) => {
    const nc = await connect();
    let ids = 0;
    const bus = await createBus({ nc, source: 'test', log, now: () => new Date(), newId: () => `id-${++ids}` });
    const consumptions: { stop(): Promise<void> }[] = [];
    const consume: Fixture['consume'] = (options) => consumptions.push(bus.consume({ ...CTL_CONSUMER, ...options }));
    await use({ nc, bus, consume, deadLetter: () => lastDeadLetter(nc) });
    await Promise.all(consumptions.map((consumption) => consumption.stop()));
  });

async function lastDeadLetter(nc: NatsConnection) {
  const manager = await managerOf(nc);
  const subject = deadLetterSubject(STREAMS.ctl, CONSUMERS.ctl);
  const stored = await until(() => manager.streams.getMessage(STREAMS.dlq, { last_by_subj: subject }), 'a dead letter');
  const header = (name: string) => stored.header.get(name);
  return { code: header(DEAD_LETTER_HEADERS.code), body: stored.data, header };
}

const messagesIn = async (nc: NatsConnection, stream: string) =>
  (await (await managerOf(nc)).streams.info(stream)).state.messages;

test('bus: a message published twice under one id is stored once and says so', () =>
  withBus(async ({ bus, nc }) => {
    const subject = workEventSubject('train', 'completed', 'r1');
    const first = await bus.publish(subject, { n: 1 }, { id: 'same' });
    const second = await bus.publish(subject, { n: 1 }, { id: 'same' });
    assert.equal([first.duplicate, second.duplicate], [false, true]);
    assert.is(await messagesIn(nc, STREAMS.events), 1);
  }));

test('bus: a handler gets the envelope, the place, the time and the headers', () =>
  withBus(async ({ bus, consume, nc }) => {
    const seen: Delivery[] = [];
    consume({ handle: async (delivery) => void seen.push(delivery) });
    await bus.publish(
      CTL.pipelineStart,
      { model: 'face' },
      { id: 'c1', replyTo: '_INBOX.x', traceparent: '00-1-2-01' },
    );
    await until(() => seen.length === 1, 'the delivery');
    const delivery = seen[0]!;
    assert.equal(delivery.envelope.data, { model: 'face' });
    assert.is(delivery.envelope.id, 'c1');
    assert.is(delivery.envelope.source, 'nightshift/test');
    assert.is(delivery.envelope.traceparent, '00-1-2-01');
    assert.is(delivery.headers.get(REPLY_TO_HEADER), '_INBOX.x');
    assert.equal([delivery.seq, delivery.deliveryCount], [1, 1]);
    assert.ok(Math.abs(delivery.time.getTime() - Date.now()) < 10_000);
    await until(async () => (await messagesIn(nc, STREAMS.ctl)) === 0, 'the acknowledgement');
  }));

test('bus: a bare object published by hand gets an id from its place in the stream', () =>
  withBus(async ({ nc, consume }) => {
    const ids: string[] = [];
    consume({ handle: async ({ envelope }) => void ids.push(envelope.id) });
    nc.publish(CTL.pipelineStart, '{"model":"face"}');
    await until(() => ids.length === 1, 'the delivery');
    assert.equal(ids, ['CTL-1']);
  }));

test('bus: a retryable failure is delivered again until it succeeds, with growing pauses', () =>
  withBus(async ({ bus, consume, nc }) => {
    const counts: number[] = [];
    consume({
      handle: async ({ deliveryCount }) => {
        counts.push(deliveryCount);
        if (deliveryCount < 3) throw new Error('boom');
      },
    });
    await bus.publish(CTL.pipelineStart, {});
    await until(async () => (await messagesIn(nc, STREAMS.ctl)) === 0, 'the success');
    assert.equal(counts, [1, 2, 3]);
    assert.is(await messagesIn(nc, STREAMS.dlq), 0);
    assert.equal(
      [1, 2, 3, 20].map((count) => backoffOf(count, 100)),
      [100, 200, 400, 30_000],
    );
  }));

test('bus: a failure that repeating cannot cure is a dead letter at once, and the sender is answered', () =>
  withBus(async ({ bus, consume, deadLetter, nc }) => {
    const answered: string[] = [];
    consume({
      handle: async () => {
        throw new PipelineError('MODEL_UNKNOWN', 'no pipeline\nfor model "x"');
      },
      onDeadLetter: async (failure, { envelope }) => void answered.push(`${failure.code} ${envelope?.id}`),
    });
    await bus.publish(CTL.pipelineStart, { model: 'x' }, { id: 'c9' });
    const letter = await deadLetter();
    assert.is(letter.code, 'MODEL_UNKNOWN');
    assert.is(letter.header(DEAD_LETTER_HEADERS.error), 'no pipeline for model "x"');
    assert.is(letter.header(DEAD_LETTER_HEADERS.subject), CTL.pipelineStart);
    assert.is(letter.header(DEAD_LETTER_HEADERS.sequence), '1');
    assert.is(letter.header(DEAD_LETTER_HEADERS.deliveries), '1');
    assert.is(JSON.parse(new TextDecoder().decode(letter.body)).id, 'c9');
    await until(async () => (await messagesIn(nc, STREAMS.ctl)) === 0, 'the end of the message');
    assert.equal(answered, ['MODEL_UNKNOWN c9']);
  }));

test('bus: a failure that never ends is a dead letter when its deliveries are used up', () =>
  withBus(async ({ bus, consume, deadLetter }) => {
    let calls = 0;
    consume({
      deliveriesMax: 3,
      handle: async () => {
        calls += 1;
        throw new Error('boom');
      },
    });
    await bus.publish(CTL.pipelineStart, {});
    const letter = await deadLetter();
    assert.equal([letter.code, letter.header(DEAD_LETTER_HEADERS.deliveries), calls], ['INTERNAL', '3', 3]);
  }));

test('bus: a message whose handler never lived to fail is a dead letter without being handled again', () =>
  withBus(async ({ nc, bus, consume, deadLetter }) => {
    await bus.publish(CTL.pipelineStart, {});
    // Two deliveries that nobody answers for, as a crashing process leaves them.
    const consumer = await clientOf(nc).consumers.get(STREAMS.ctl, CONSUMERS.ctl);
    for (let delivery = 0; delivery < 2; delivery++) (await consumer.next())!.nak(1);
    let calls = 0;
    consume({ deliveriesMax: 2, handle: async () => void calls++ });
    assert.equal([(await deadLetter()).code, calls], ['DELIVERIES_EXHAUSTED', 0]);
  }));

test('bus: a body that is not JSON is a dead letter, and a hook that fails does not keep it for ever', () =>
  withBus(async ({ nc, consume, deadLetter }) => {
    consume({
      deliveriesMax: 2,
      handle: async () => {},
      onDeadLetter: async () => {
        throw new Error('nobody to answer');
      },
    });
    nc.publish(CTL.pipelineStart, 'hello');
    assert.is((await deadLetter()).code, 'MESSAGE_MALFORMED');
    await until(async () => (await messagesIn(nc, STREAMS.ctl)) === 0, 'the end of the message');
    assert.is(await messagesIn(nc, STREAMS.dlq), 1);
  }));

test('bus: a message that is too large is refused by the sender and, sent by hand, kept shortened', () =>
  withBus(async ({ nc, bus, consume, deadLetter }) => {
    // By as much as the headers have room, so that the stream takes it.
    const big = 'x'.repeat(MESSAGE_BYTES_MAX + HEADER_BYTES_MAX / 2);
    const refused = await bus.publish(CTL.pipelineStart, { big }).catch((error: PipelineError) => error.code);
    assert.is(refused, 'MESSAGE_TOO_LARGE');
    consume({ handle: async () => {} });
    nc.publish(CTL.pipelineStart, JSON.stringify({ big }));
    const letter = await deadLetter();
    assert.equal([letter.code, letter.body.length], ['MESSAGE_TOO_LARGE', MESSAGE_BYTES_MAX]);
    assert.is(letter.header(DEAD_LETTER_HEADERS.truncated), String(JSON.stringify({ big }).length));
  }));

test('bus: the largest message that a stream takes fits into the dead letters with its headers and the reason', () =>
  withBus(async ({ nc, consume, deadLetter }) => {
    consume({
      handle: async () => {
        throw new PipelineError('MODEL_UNKNOWN', 'ü'.repeat(2_000));
      },
    });
    const own = headers();
    // With its name and line ends it fills what the stream has beside a whole body.
    own.set('Mine', 'm'.repeat(HEADER_BYTES_MAX - 'NATS/1.0\r\nMine: \r\n\r\n'.length));
    await clientOf(nc).publish(CTL.pipelineStart, JSON.stringify({ text: '' }).padEnd(MESSAGE_BYTES_MAX), {
      headers: own,
    });
    const letter = await deadLetter();
    assert.is(letter.body.length, MESSAGE_BYTES_MAX);
    assert.is(letter.header('Mine').length, own.get('Mine').length);
    const more = clientOf(nc).publish(CTL.pipelineStart, new Uint8Array(MESSAGE_BYTES_MAX + 1), { headers: own });
    assert.match((await more.then(() => 'stored').catch(String)) as string, /message size exceeds maximum/);
  }));

test('bus: a refused message is handed over with its body, and the server gives nothing up', () =>
  withBus(async ({ nc, consume }) => {
    const refused: string[] = [];
    consume({
      handle: async () => {
        throw new PipelineError('MODEL_UNKNOWN', 'no such model');
      },
      onRefused: async ({ code }, { body, seq }) => void refused.push(`${code} ${seq} ${body.length}`),
    });
    nc.publish(CTL.pipelineStart, '{"model":"x"}');
    await until(async () => (await messagesIn(nc, STREAMS.ctl)) === 0 && refused.length > 0, 'the end of the message');
    assert.equal(refused, ['MODEL_UNKNOWN 1 13']);
    assert.equal([await messagesIn(nc, STREAMS.dlq), await messagesIn(nc, STREAMS.advisories)], [0, 0]);
  }));

test('bus: where messages may be refused, one that nobody lived to handle is a dead letter still', () =>
  withBus(async ({ bus, consume, deadLetter }) => {
    let refusals = 0;
    consume({
      deliveriesMax: 2,
      handle: async () => {
        throw new Error('boom');
      },
      onRefused: async () => void refusals++,
    });
    await bus.publish(CTL.pipelineStart, {});
    assert.equal([(await deadLetter()).code, refusals], ['INTERNAL', 0]);
  }));

test('bus: a handler that runs longer than the ack wait is not delivered a second time', () =>
  withBus(async ({ nc, bus, consume }) => {
    const ackWaitMs = 300;
    const manager = await managerOf(nc);
    await manager.consumers.update(STREAMS.ctl, CONSUMERS.ctl, { ack_wait: ackWaitMs * 1e6 });
    const finish = createGate();
    let calls = 0;
    consume({
      concurrency: 2,
      handle: async () => {
        calls += 1;
        await finish.opened;
      },
    });
    const { seq } = await bus.publish(CTL.pipelineStart, {});
    const startedAt = Date.now();
    // The ack wait has passed three times over: the server would have redelivered by now.
    await until(() => Date.now() - startedAt > 3 * ackWaitMs, 'three ack waits');
    assert.is((await manager.consumers.info(STREAMS.ctl, CONSUMERS.ctl)).num_redelivered, 0);
    finish.open();
    await until(async () => (await messagesIn(nc, STREAMS.ctl)) === 0, `the acknowledgement of ${seq}`);
    assert.is(calls, 1);
  }));

test('bus: stop waits for the handler under way and fetches nothing more', () =>
  withBus(async ({ nc, bus }) => {
    const started = createGate();
    const finish = createGate();
    let calls = 0;
    const consumption = bus.consume({
      ...CTL_CONSUMER,
      handle: async () => {
        calls += 1;
        started.open();
        await finish.opened;
      },
    });
    await bus.publish(CTL.pipelineStart, {});
    await bus.publish(CTL.pipelineStart, {});
    await started.opened;
    const stopped = consumption.stop();
    finish.open();
    await stopped;
    assert.equal([calls, await messagesIn(nc, STREAMS.ctl)], [1, 1]);
  }));

test('bus: consuming waits for a consumer that is made later, and outlives its deletion', () =>
  withBus(async ({ nc, bus, consume }) => {
    const manager = await managerOf(nc);
    const { config } = await manager.consumers.info(STREAMS.ctl, CONSUMERS.ctl);
    await manager.consumers.delete(STREAMS.ctl, CONSUMERS.ctl);
    let calls = 0;
    consume({ handle: async () => void calls++ });
    await manager.consumers.add(STREAMS.ctl, config);
    await bus.publish(CTL.pipelineStart, {});
    await until(() => calls === 1, 'the first message');
    const waiting = async () => (await manager.consumers.info(STREAMS.ctl, CONSUMERS.ctl)).num_waiting;
    await until(async () => (await waiting()) === 1, 'the next pull');
    await manager.consumers.delete(STREAMS.ctl, CONSUMERS.ctl);
    await manager.consumers.add(STREAMS.ctl, config);
    await bus.publish(CTL.pipelineStart, {});
    await until(() => calls === 2, 'the message after the deletion');
  }));

test('bus: the last message on a subject, and whether a queue still holds work', () =>
  withBus(async ({ bus }) => {
    const subject = workEventSubject('train', 'completed', 'r1');
    assert.is(await bus.lastOn(STREAMS.events, subject), null);
    await bus.publish(subject, { n: 1 });
    await bus.publish(subject, { n: 2 });
    assert.equal((await bus.lastOn(STREAMS.events, subject))?.data, { n: 2 });

    const command = commandSubject('train', 'start', 'r1');
    assert.is(await bus.hasPending(STREAMS.commands, command), false);
    await bus.publish(command, {});
    assert.is(await bus.hasPending(STREAMS.commands, command), true);
    const consumption = bus.consume({
      stream: STREAMS.commands,
      consumer: workerConsumer('train', 'start'),
      concurrency: 1,
      handle: async () => {},
    });
    await until(async () => !(await bus.hasPending(STREAMS.commands, command)), 'the command to be done');
    await consumption.stop();
  }));

test.run();
