/** Troubles of a server while runs are under way: no room in a stream, a disk that hangs. */
import { test } from 'uvu';
import { BUCKETS, STREAMS } from '../../contracts/subjects.ts';
import { CONSUMER_SPECS } from '../../infra/topology/consumers.ts';
import { applyTopology } from '../../infra/topology/topology.ts';
import { assertOnce, ends } from '../support/accounts.ts';
import { withSaga, type Saga } from '../support/saga.ts';
import { withServer } from '../support/server.ts';
import { start } from '../support/steering.ts';
import { until } from '../support/wait.ts';
import { managerOf } from '../../infra/messaging/jetstream.ts';

/** The stream takes no more; what it holds stays. */
async function fill({ nc }: Saga, stream: string): Promise<void> {
  const { streams } = await managerOf(nc);
  const { state } = await streams.info(stream);
  await streams.update(stream, { max_bytes: Math.max(1, state.bytes), discard: 'new' });
}

/** A message that its handler could not finish waits for its next delivery. */
async function isRefused({ nc }: Saga): Promise<boolean> {
  const { consumers } = await managerOf(nc);
  const infos = await Promise.all(
    CONSUMER_SPECS.map(({ stream, config }) => consumers.info(stream, config.durable_name)),
  );
  return infos.some(({ num_redelivered }) => num_redelivered > 0);
}

test('server: a run that meets a full stream goes on when there is room again', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      const full = [`KV_${BUCKETS.runs}`, STREAMS.commands, STREAMS.timers, `KV_${BUCKETS.deployments}`];
      for (const [index, stream] of full.entries()) {
        await fill(saga, stream);
        await start(saga, `n${index}`);
        await until(() => isRefused(saga), `a message refused by ${stream}`);
        await applyTopology(saga.nc, { replicas: 1 });
        await ends(saga, `n${index}`);
      }
      await assertOnce(saga, full.length);
    }),
  ));

/** Longer than a busy disk takes for one write, shorter than a client waits for an answer, and longer than that. */
const STALLS_MS = [300, 700, 1_500];
const BREATHS_MS = 150;

test('server: runs go on through a server that stalls (stopped and continued, as by a disk that hangs)', () =>
  withServer((server) =>
    withSaga(server, { orchestrators: 2 }, async (saga) => {
      const runs = ['n0', 'n1', 'n2'];
      for (const runId of runs) {
        await start(saga, runId);
        const ended = ends(saga, runId);
        await stallUntil(ended, server.server.pid!);
        await ended;
      }
      await assertOnce(saga, runs.length);
    }),
  ));

async function stallUntil(end: Promise<unknown>, pid: number): Promise<void> {
  let isOver = false;
  void end.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  for (let count = 0; !isOver; count++) {
    process.kill(pid, 'SIGSTOP');
    await pass(STALLS_MS[count % STALLS_MS.length]!);
    process.kill(pid, 'SIGCONT');
    await pass(BREATHS_MS);
  }
}

/** The length of a stall is what is tested here, so it is a time that is waited for. */
const pass = (ms: number) => {
  const until_ = performance.now() + ms;
  return until(() => performance.now() > until_, `${ms} ms`);
};

test.run();
