import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandSubject, STREAMS } from '../../../contracts/subjects.ts';
import { createBus } from '../../../infra/messaging/bus.ts';
import { workerConsumer } from '../../../infra/topology/consumers.ts';
import { startProcess } from '../../../runtime/processes.ts';
import type { LaneNews, LaneOrder } from '../../support/lane.process.ts';
import { withServer, type TestServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

/** A training goes on at another trainer after this time at the latest. */
const LOST_MS_MAX = 5_000;

async function withLane(order: LaneOrder, use: (lane: ChildProcess, heard: readonly LaneNews[]) => Promise<void>) {
  const lane = startProcess('test/support/lane.process');
  const heard: LaneNews[] = [];
  lane.on('message', (news: LaneNews) => heard.push(news));
  const ended = once(lane, 'exit');
  lane.send(order);
  try {
    await until(() => heard.includes('listens'), 'it listens');
    await use(lane, heard);
  } finally {
    lane.kill('SIGKILL');
    await ended;
  }
}

/** A trainer here, and the moments at which it was given a command. */
async function secondTrainer({ connect, log }: TestServer) {
  const bus = await createBus({
    nc: await connect(),
    source: 'test',
    log,
    now: () => new Date(),
    newId: () => 'start',
  });
  const givenAtMs: number[] = [];
  const listen = () =>
    bus.consume({
      ...{ stream: STREAMS.commands, consumer: workerConsumer('train', 'start'), concurrency: 1 },
      handle: async () => void givenAtMs.push(performance.now()),
    });
  return { givenAtMs, listen, order: () => bus.publish(commandSubject('train', 'start', 'run1'), {}) };
}

test('consumers: the command of a trainer that is killed is with another one within five seconds', () =>
  withServer((server) =>
    withLane({ url: server.url }, async (lane, heard) => {
      const { givenAtMs, listen, order } = await secondTrainer(server);
      await order();
      await until(() => heard.includes('holds'), 'the first one holds it');
      const second = listen();
      const killedAtMs = performance.now();
      lane.kill('SIGKILL');
      await until(() => givenAtMs.length > 0, 'the second one has it');
      const lostMs = givenAtMs[0]! - killedAtMs;
      assert.ok(lostMs <= LOST_MS_MAX, `${lostMs} ms`);
      await second.stop();
    }),
  ));

test('consumers: a trainer whose event loop is busy for three seconds keeps its command', () =>
  withServer((server) =>
    withLane({ url: server.url, stallMs: 3_000 }, async (_lane, heard) => {
      const { givenAtMs, listen, order } = await secondTrainer(server);
      await order();
      await until(() => heard.includes('holds'), 'the first one holds it');
      const second = listen();
      await until(() => heard.includes('done'), 'it is done');
      assert.equal(givenAtMs, []);
      await second.stop();
    }),
  ));

test.run();
