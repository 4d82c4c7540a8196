/** Deadlines and heartbeats over a real server: who is asked, who is given up, and what it costs. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { applyTimer, beginRun } from '../../../actors/orchestrator/run-loop.ts';
import { commandSubject, STREAMS, timerFiredSubject } from '../../../contracts/subjects.ts';
import { PipelineEventSchema } from '../../../contracts/messages.ts';
import { workerConsumer } from '../../../infra/topology/consumers.ts';
import { blobRef, nightInput, REJECTED, verified } from '../../support/runs.ts';
import { quickPipeline, trivialWorks, withSaga } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';
import { contextOf, ended, hold, reached, start } from '../../support/steering.ts';
import { createGate, until } from '../../support/wait.ts';
import { managerOf } from '../../../infra/messaging/jetstream.ts';

const HOUR_MS = 3600_000;
/** A stage may take hours; only the heartbeat window is short. */
const impatient = (overrides: object = {}) =>
  quickPipeline({ timeouts: { trainMs: 4 * HOUR_MS, heartbeatMs: 300, answerMs: 300 }, ...overrides });

test('orchestrator: a worker that vanished with its command is missed, and the next attempt is done once', () =>
  withServer(async (server) => {
    let trained = 0;
    const training = async (...args: Parameters<typeof trivialWorks.train>) => {
      trained += 1;
      return trivialWorks.train(...args);
    };
    const pipeline = impatient({ retry: { attemptsMax: 20, backoffMs: 50, backoffMaxMs: 100 } });
    await withSaga(server, { works: { train: training }, pipeline, absent: ['train'] }, async (saga) => {
      // Takes the command and never speaks again; the server holds it for this one.
      const gate = createGate();
      const vanished = saga.bus.consume({
        stream: STREAMS.commands,
        consumer: workerConsumer('train', 'start'),
        concurrency: 1,
        handle: () => gate.opened,
      });
      await start(saga, 'n1');
      await reached(saga, 'n1', 'retrying');
      saga.startLate('train');
      await ended(saga, 'n1', 'completed');
      assert.is(trained, 1);
      assert.ok((await saga.storedEvents()).every(({ subject }) => !subject.includes('train.failed')));
      gate.open();
      await vanished.stop();
    });
  }));

test('orchestrator: with nobody there at all the run fails when its attempts are spent, long before the deadline', () =>
  withServer((server) =>
    withSaga(server, { pipeline: impatient(), absent: ['train'] }, async (saga) => {
      await start(saga, 'n1');
      const { failure } = PipelineEventSchema.parse((await ended(saga, 'n1', 'failed')).envelope.data);
      assert.is(failure?.code, 'STAGE_TIMEOUT');
      assert.match(failure?.message ?? '', /lost its worker, in attempt 3/);
      const { plan } = await contextOf(saga, 'n1');
      assert.is(plan.find(({ undo }) => undo === 'stop train')?.status, 'unanswered');
      // A worker that comes back later finds the run ended, and does nothing for it.
      saga.startLate('train');
      await saga.event('nightshift.evt.train.cancelled.n1');
      assert.is(await saga.orchestrator.deployments.load('face'), null);
    }),
  ));

test('orchestrator: a quiet worker that gives signs of life is not asked, and its signs cost no checkpoint', () =>
  withServer(async (server) => {
    const held = hold('train');
    const pipeline = quickPipeline({ timeouts: { heartbeatMs: 2_000 } });
    await withSaga(server, { works: held.works, pipeline, heartbeatMs: 50 }, async (saga) => {
      await start(saga, 'n1');
      await until(() => held.taken.length > 0, 'the training');
      await reached(saga, 'n1', 'training.working.beating');
      const before = await saga.orchestrator.runs.history('run.n1');
      const signs = () => saga.events.filter(({ subject }) => subject === 'nightshift.evt.train.progressed.n1');
      await until(() => signs().length > 60, 'signs of life over more than one window');
      assert.is((await saga.orchestrator.runs.history('run.n1')).length, before.length);
      held.release();
      await ended(saga, 'n1', 'completed');
      assert.not.ok((await saga.storedEvents()).some(({ subject }) => subject.includes('.working.')));
    });
  }));

test('orchestrator: a command that waits its turn behind another is not missed while a worker is there', () =>
  withServer(async (server) => {
    const held = hold('train');
    await withSaga(server, { works: held.works, pipeline: impatient() }, async (saga) => {
      const { training } = quickPipeline();
      const ahead = { runId: 'ahead', model: 'face', dataset: blobRef('DATASETS', 'd'), training, champion: null };
      await saga.bus.publish(commandSubject('train', 'start', 'ahead'), ahead, { id: 'ahead.train.1' });
      await until(() => held.taken.includes('ahead'), 'the command ahead');
      await start(saga, 'n1');
      await reached(saga, 'n1', 'training.working.beating');
      const { streams } = await managerOf(saga.nc);
      const fired = timerFiredSubject('n1', 'observe');
      await until(async () => {
        const { state } = await streams.info(STREAMS.timers, { subjects_filter: fired });
        return (state.subjects?.[fired] ?? 0) > 4;
      }, 'looks at the silent command over several windows');
      // As long as it waits: a look that falls between the taking of the command and the first sign of life may ask.
      assert.is((await contextOf(saga, 'n1')).asks, 0);
      assert.not.ok((await saga.storedEvents()).some(({ subject }) => subject === 'nightshift.evt.train.working.n1'));
      held.release();
      await ended(saga, 'n1', 'completed');
    });
  }));

test('orchestrator: before a deadline of the deployment counts, the replicas are heard once more', () =>
  withServer(async (server) => {
    const gate = createGate();
    const before = ({ change }: { change: string }) => (change === 'announced' ? gate.opened : Promise.resolve());
    // No orchestrator runs: nobody looks but the test.
    await withSaga(server, { orchestrators: 0, replica: { before } }, async (saga) => {
      const forkedFrom = { ...REJECTED, verification: verified('r0.verify.1', 'blessed') };
      const input = nightInput({ runId: 'n1', pipeline: quickPipeline(), forkedFrom });
      const beginning = { runId: 'n1', messageId: 'start', input: () => Promise.resolve(input) };
      const { timers } = (await beginRun(saga.orchestrator, beginning)).checkpoint;
      gate.open();
      await saga.event('nightshift.evt.replica.prepared.n1');
      const [timerId, { armedAt }] = Object.entries(timers)[0]!;
      assert.match(timerId, /deployDeadline/);
      const { checkpoint } = await applyTimer(saga.orchestrator, 'n1', timerId, armedAt);
      assert.is(checkpoint.context.failure, null);
      assert.ok(checkpoint.timers[timerId] === undefined, 'the run has left the state whose deadline it was');
    });
  }));

test.run();
