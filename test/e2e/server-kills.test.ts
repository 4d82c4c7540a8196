/** A small version of `npm run soak`: the nats-server is killed in the middle of runs, and nothing is lost or doubled. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CTL } from '../../contracts/subjects.ts';
import { quickPipeline, trivialWorks, withSaga } from '../support/saga.ts';
import { withServer } from '../support/server.ts';
import { soakServer } from '../support/server-soak.ts';
import { until } from '../support/wait.ts';

test('saga: every run completes once though the server is killed in the middle of it', async () => {
  const report = await soakServer({ runs: 4, orchestrators: 2 });
  assert.equal(report, { runs: 4, kills: 4, stuck: 0, lost: 0, doubled: 0 });
});

test('saga: three orchestrators share thirty runs; no command has an effect twice', async () => {
  const starts: string[] = [];
  const training: typeof trivialWorks.training = async (command, context) => {
    starts.push(command.runId);
    return trivialWorks.training(command, context);
  };
  const pipeline = quickPipeline();
  await withServer((server) =>
    withSaga(server, { orchestrators: 3, works: { training }, pipeline }, async (saga) => {
      const models = Array.from({ length: 30 }, (_, index) => `m${index}`);
      for (const context of saga.orchestrators) {
        Object.assign(context.pipelines, Object.fromEntries(models.map((model) => [model, pipeline])));
      }
      for (const model of models) {
        await saga.bus.publish(CTL.pipelineStart, { model, runId: `r-${model}` }, { id: `${model}.start` });
      }
      const verified = async () =>
        (await saga.storedEvents()).filter(({ subject }) =>
          subject.startsWith('nightshift.evt.verification.completed.'),
        );
      await until(async () => (await verified()).length === models.length, 'every run to be verified');
      assert.equal([...starts].sort(), models.map((model) => `r-${model}`).sort());
      const ids = await saga.storedIds();
      assert.is(new Set(ids).size, ids.length);
    }),
  );
});

test.run();
