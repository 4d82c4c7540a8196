/** One client that asks for more than there is, and a door beside it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { NatsConnection } from '@nats-io/nats-core';
import { ask, faceOf, withReplicas, type InferAnswer } from '../../support/replicas.ts';

/** Always so many under way on one connection, refused or not, until stopped. */
function startFlood(nc: NatsConnection, face: Uint8Array, inFlight: number) {
  const answers: InferAnswer[] = [];
  let isOver = false;
  const lane = async () => {
    while (!isOver) answers.push(await ask(nc, 'embed', face));
  };
  const lanes = Promise.all(Array.from({ length: inFlight }, lane));
  return { answers, stop: () => ((isOver = true), lanes) };
}

test('fair shares: a client with 300 requests in flight gets no door refused', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1', work: 20 });
    const face = await faceOf(1);
    const flood = startFlood(await context.test.connect('flood'), face, 300);
    const door = await context.test.connect('door');
    const answers: InferAnswer[] = [];
    while (answers.length < 50) answers.push(await ask(door, 'identify', face));
    await flood.stop();
    assert.equal(
      answers.filter(({ status }) => status !== 200),
      [],
    );
    const refused = flood.answers.filter(({ status }) => status === 429);
    assert.ok(refused.length > 0, 'the flood is refused');
    assert.match(refused[0]!.text, /^OVERLOADED: \d+ requests of this connection are under way/);
  }));

test.run();
