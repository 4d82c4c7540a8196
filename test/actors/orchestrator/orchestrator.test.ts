/** The saga over a real server, told by its public subjects alone. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../contracts/errors.ts';
import {
  commandRefusedSubject,
  CTL,
  modelDeployedSubject,
  modelRolledBackSubject,
  pipelineEventSubject,
} from '../../../contracts/subjects.ts';
import { handleOperator } from '../../../actors/orchestrator/operator.ts';
import { makeEnvelope } from '../../../contracts/envelope.ts';
import { endpointsOf } from '../../../actors/orchestrator/api.ts';
import { API } from '../../../contracts/subjects.ts';
import { quickPipeline, withSaga, type Saga } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

const start = (saga: Saga, runId: string, id = `${runId}.start`) =>
  saga.bus.publish(CTL.pipelineStart, { model: 'face', runId }, { id });
const ended = (saga: Saga, runId: string, fact: 'completed' | 'failed' | 'cancelled' | 'rolled-back' | 'rejected') =>
  saga.event(pipelineEventSubject(fact, runId));
const failureOf = (data: unknown) => (data as { failure: { code: string; message: string } | null }).failure;

test('orchestrator: a run goes through every stage to completed, and each event exists once', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      await start(saga, 'n1');
      await ended(saga, 'n1', 'completed');
      const deployed = await saga.event(modelDeployedSubject('face'));
      assert.is((deployed.envelope.data as { release: number }).release, 1);
      const ids = await saga.storedIds();
      assert.is(new Set(ids).size, ids.length, ids.join('\n'));
      const answer = await endpointsOf(saga.orchestrator)[API.run]({ runId: 'n1' });
      const states = answer.timeline.map(({ state }) => state.split('.')[0]);
      assert.equal([...new Set(states)], ['collecting', 'training', 'verifying', 'deploying', 'completed']);
      assert.equal(
        await saga.orchestrator.timers.waiting('n1').then((names) => names.filter((name) => name !== 'observe')),
        [],
      );
    }),
  ));

test('orchestrator: the same start command twice makes one run', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      await start(saga, 'n1');
      await ended(saga, 'n1', 'completed');
      await start(saga, 'n1', 'another-message');
      await start(saga, 'n2');
      await ended(saga, 'n2', 'completed');
      assert.is(saga.events.filter(({ subject }) => subject === pipelineEventSubject('started', 'n1')).length, 1);
    }),
  ));

test('orchestrator: a failure that may pass is retried after a durable back-off', () =>
  withServer(async (server) => {
    let attempts = 0;
    const training = async () => {
      if (++attempts < 3) throw new PipelineError('TRAINING_FAILED', 'the thread died', { retryable: true });
      return {
        model: { bucket: 'MODELS' as const, key: 'm', digest: `sha256:${'1'.repeat(64)}`, bytes: 1 },
        epochs: 1,
        loss: 0,
        imagesPerSecond: 1,
        validationRank1: null,
      };
    };
    await withSaga(server, { works: { train: training } }, async (saga) => {
      await start(saga, 'n1');
      await ended(saga, 'n1', 'completed');
      assert.is(attempts, 3);
      // Each attempt says why it failed, also after the run has completed.
      const { timeline } = await endpointsOf(saga.orchestrator)[API.run]({ runId: 'n1' });
      assert.equal(
        timeline.filter(({ failure }) => failure).map(({ cause, failure }) => [cause, failure?.message]),
        [1, 2].map(() => ['train.failed', 'the thread died']),
      );
      assert.is(timeline.filter(({ cause }) => cause === 'train.failed').length, 2);
    });
  }));

test('orchestrator: a stage that fails for good ends the run; nothing later is entered, nothing is deployed', () =>
  withServer(async (server) => {
    const training = async () => {
      throw new PipelineError('DATASET_TOO_SMALL', 'one person only');
    };
    await withSaga(server, { works: { train: training } }, async (saga) => {
      await start(saga, 'n1');
      const end = await ended(saga, 'n1', 'failed');
      assert.is(failureOf(end.envelope.data)?.code, 'DATASET_TOO_SMALL');
      assert.is(await saga.orchestrator.deployments.load('face'), null);
      assert.not.ok(saga.events.some(({ subject }) => subject.includes('.verify.')));
    });
  }));

test('orchestrator: cancel stops the work under way and ends the run', () =>
  withServer(async (server) => {
    const stopped: string[] = [];
    const training = (_: unknown, { signal }: { signal: AbortSignal }) =>
      new Promise<never>((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          stopped.push('train');
          reject(signal.reason);
        }),
      );
    await withSaga(server, { works: { train: training } }, async (saga) => {
      await start(saga, 'n1');
      await until(
        async () => (await saga.stateOf('n1'))?.startsWith('{training') || null,
        'the training stage',
        10_000,
      );
      await saga.bus.publish(CTL.pipelineCancel, { runId: 'n1', reason: 'wrong data' });
      const end = await ended(saga, 'n1', 'cancelled');
      assert.is(failureOf(end.envelope.data)?.message, 'wrong data');
      assert.equal(stopped, ['train']);
    });
  }));

test('orchestrator: a deadline asks the worker first, and a worker that works is given more time', () =>
  withServer(async (server) => {
    let finish = () => {};
    const waiting = new Promise<void>((resolve) => (finish = resolve));
    const collection = async () => {
      await waiting;
      return {
        dataset: { bucket: 'DATASETS' as const, key: 'd', digest: `sha256:${'1'.repeat(64)}`, bytes: 1 },
        samples: 1,
        people: 1,
        quarantined: 0,
      };
    };
    const pipeline = quickPipeline({ timeouts: { collectMs: 300, answerMs: 5_000 } });
    await withSaga(server, { works: { collect: collection }, pipeline }, async (saga) => {
      await start(saga, 'n1');
      await saga.event('nightshift.evt.collect.working.n1');
      finish();
      await ended(saga, 'n1', 'completed');
    });
  }));

test('orchestrator: without a live replica a deployment is given up at its deadline and the candidate withdrawn', () =>
  withServer((server) =>
    withSaga(server, { replica: false, pipeline: quickPipeline({ timeouts: { deployMs: 600 } }) }, async (saga) => {
      await start(saga, 'n1');
      const end = await ended(saga, 'n1', 'failed');
      assert.is(failureOf(end.envelope.data)?.code, 'STAGE_TIMEOUT');
      const record = (await saga.orchestrator.deployments.load('face'))?.value;
      assert.is(record?.announced, null);
      assert.is(record?.current, null);
    }),
  ));

test('orchestrator: rollback puts the previous pair back under a new release, and again on the next one', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      for (const runId of ['n1', 'n2']) {
        await start(saga, runId);
        await ended(saga, runId, 'completed');
      }
      await saga.bus.publish(CTL.modelRollback, { model: 'face' });
      await saga.event(modelRolledBackSubject('face'));
      const record = (await saga.orchestrator.deployments.load('face'))?.value;
      assert.is(record?.current?.runId, 'n1');
      assert.is(record?.current?.release, 3);
      assert.is(record?.previous?.runId, 'n2');
    }),
  ));

test('orchestrator: rolling back the first release is refused, and the run that guards it is not disturbed', () =>
  withServer((server) =>
    withSaga(server, { pipeline: quickPipeline({ deployment: { guardMs: 1_000 } }) }, async (saga) => {
      await start(saga, 'n1');
      await saga.event(modelDeployedSubject('face'));
      await saga.bus.publish(CTL.modelRollback, { model: 'face' }, { id: 'too-early' });
      const heard = await saga.event(commandRefusedSubject('too-early'));
      assert.is(failureOf(heard.envelope.data)?.code, 'NO_PREVIOUS_RELEASE');
      await ended(saga, 'n1', 'completed');
    }),
  ));

test('orchestrator: a rollback command that is delivered again rolls back once', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      for (const runId of ['n1', 'n2']) {
        await start(saga, runId);
        await ended(saga, runId, 'completed');
      }
      const data = { model: 'face' };
      const envelope = makeEnvelope({ id: 'back', source: 'test', subject: CTL.modelRollback, time: new Date(), data });
      const delivery = { subject: CTL.modelRollback, envelope, seq: 99, deliveryCount: 1, time: new Date() };
      for (let times = 0; times < 2; times++) {
        await handleOperator(saga.orchestrator, { ...delivery, headers: new Map(), working: () => {} });
        await saga.event(modelRolledBackSubject('face'));
      }
      assert.is((await saga.orchestrator.deployments.load('face'))?.value.current?.release, 3);
    }),
  ));

test('orchestrator: what cannot be obeyed is refused publicly and kept as a dead letter', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      const refused = async (subject: string, body: string, code: string) => {
        const before = saga.events.length;
        await saga.nc.request(subject, body);
        const heard = await until(
          () => saga.events.slice(before).find((event) => event.subject.startsWith(commandRefusedSubject(''))) ?? null,
          `refusal of ${body}`,
          60_000,
        );
        assert.is(failureOf(heard.envelope.data)?.code, code, body);
      };
      await refused(CTL.pipelineStart, '{"model":', 'MESSAGE_MALFORMED');
      await refused(CTL.pipelineStart, '{"model":"cats"}', 'MODEL_UNKNOWN');
      await refused(CTL.pipelineStart, '{}', 'MESSAGE_MALFORMED');
      await refused('nightshift.ctl.pipeline.explode', '{}', 'MESSAGE_MALFORMED');
      await refused(CTL.modelRollback, '{"model":"face"}', 'NO_PREVIOUS_RELEASE');
      await refused(CTL.pipelineCancel, '{"runId":"nobody"}', 'RUN_UNKNOWN');
      await start(saga, 'n1');
      await ended(saga, 'n1', 'completed');
    }),
  ));

test('orchestrator: a second run of the same model is refused while the first is under way', () =>
  withServer(async (server) => {
    let finish = () => {};
    const waiting = new Promise<void>((resolve) => (finish = resolve));
    const training = async () => {
      await waiting;
      return {
        model: { bucket: 'MODELS' as const, key: 'm', digest: `sha256:${'1'.repeat(64)}`, bytes: 1 },
        epochs: 1,
        loss: 0,
        imagesPerSecond: 1,
        validationRank1: null,
      };
    };
    await withSaga(server, { works: { train: training } }, async (saga) => {
      await start(saga, 'n1');
      await saga.event(pipelineEventSubject('started', 'n1'));
      await start(saga, 'n2');
      const heard = await saga.event(commandRefusedSubject('n2-start'));
      assert.is(failureOf(heard.envelope.data)?.code, 'RUN_ACTIVE');
      finish();
      await ended(saga, 'n1', 'completed');
    });
  }));

test('orchestrator: three at once take turns on a run, and nothing happens twice', () =>
  withServer((server) =>
    withSaga(server, { orchestrators: 3 }, async (saga) => {
      for (const runId of ['n1', 'n2', 'n3']) {
        await start(saga, runId);
        await ended(saga, runId, 'completed');
      }
      const ids = await saga.storedIds();
      assert.is(new Set(ids).size, ids.length, ids.join('\n'));
      assert.is((await saga.orchestrator.deployments.load('face'))?.value.current?.release, 3);
    }),
  ));

test.run();
