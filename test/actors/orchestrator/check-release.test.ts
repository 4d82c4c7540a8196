/** A record that is gone or old while a release is known: the run ends up with an operator, and no number is given twice. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CTL } from '../../../contracts/subjects.ts';
import { withSaga, type Saga } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

const start = ({ bus }: Saga, runId: string) =>
  bus.publish(CTL.pipelineStart, { model: 'face', runId, force: true }, { id: `${runId}.start` });

test('lost record: with a release known from events or a heartbeat, a night needs an operator, and none has number 1 again', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      await start(saga, 'n1');
      await saga.event('nightshift.evt.pipeline.completed.n1');
      const { deployments } = saga.orchestrator;
      const record = (await deployments.load('face'))!.value;
      assert.is(record.current?.release, 1);
      await deployments.remove('face');
      await start(saga, 'n2');
      const told = await saga.event('nightshift.evt.pipeline.needs-operator.n2');
      const { failure } = told.envelope.data as { failure: { code: string; message: string } };
      assert.is(failure.code, 'RECORD_LOST');
      assert.match(failure.message, /the deployment record is gone, but release 1 has served/);
      assert.is(await deployments.load('face'), null);
      await deployments.save('face', record, 0);
      await saga.bus.publish(CTL.pipelineResume, { runId: 'n2' }, { id: 'resume' });
      await until(async () => (await saga.stateOf('n2')) === 'failed', 'the run to end');
      await start(saga, 'n3');
      await saga.event('nightshift.evt.pipeline.completed.n3');
      assert.is((await deployments.load('face'))?.value.current?.release, 2);
    }),
  ));

test.run();
