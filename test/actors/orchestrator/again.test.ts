/** The time after a failure: isolation of the stages, retry, fork, and compensation that needs an operator. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../contracts/errors.ts';
import { PipelineEventSchema } from '../../../contracts/messages.ts';
import { CTL, modelRolledBackSubject, WORK_STAGES } from '../../../contracts/subjects.ts';
import { failureOf } from '../../support/failures.ts';
import { quickPipeline, withSaga, type Saga } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';
import { contextOf, ended, reached, start, tell, worksAfter } from '../../support/steering.ts';
import { createGate } from '../../support/wait.ts';

/** `n-<stage>` fails in that stage, as long as `broken` holds it. */
const failing = (broken: Set<string>, taken: string[] = []) =>
  worksAfter(async (stage, runId) => {
    taken.push(`${stage} ${runId}`);
    if (broken.has(runId) && runId.endsWith(stage)) throw new PipelineError('INTERNAL', `${stage} is broken`);
  });

const servedRun = async (saga: Saga) => (await saga.orchestrator.deployments.load('face'))?.value.current?.runId;

/** A night that went well, so that there is a model in service to keep. */
async function firstNight(saga: Saga): Promise<void> {
  await start(saga, 'n0');
  await ended(saga, 'n0', 'completed');
}

async function assertIsolated(saga: Saga, runId: string, taken: readonly string[], entered: readonly string[]) {
  const { failure } = PipelineEventSchema.parse((await ended(saga, runId, 'failed')).envelope.data);
  assert.ok(failure, runId);
  assert.is(await servedRun(saga), 'n0', runId);
  assert.is((await saga.orchestrator.deployments.load('face'))?.value.announced, null);
  assert.equal(
    taken.filter((work) => work.endsWith(` ${runId}`)).map((work) => work.split(' ')[0]),
    entered,
  );
}

const taken: string[] = [];
const isolation = (stage: string, runId: string, entered: readonly string[]) =>
  test(`isolation: a failure in ${stage} leaves the old model in service and later stages un-entered`, () =>
    withServer((server) =>
      withSaga(
        server,
        { works: failing(new Set([runId]), taken), replica: { refuses: (id) => id === 'n-deployment' } },
        async (saga) => {
          await firstNight(saga);
          await start(saga, runId);
          await assertIsolated(saga, runId, taken, entered);
        },
      ),
    ));

for (const [index, stage] of WORK_STAGES.entries()) isolation(stage, `n-${stage}`, WORK_STAGES.slice(0, index + 1));
isolation('deployment', 'n-deployment', WORK_STAGES);

test('retry: a new run goes on where the failed one stopped, with its results; asked twice, it is one run', () =>
  withServer(async (server) => {
    const broken = new Set(['n-train']);
    const taken: string[] = [];
    await withSaga(server, { works: failing(broken, taken) }, async (saga) => {
      await start(saga, 'n-train');
      await ended(saga, 'n-train', 'failed');
      broken.clear();
      const first = await tell(saga, CTL.pipelineRetry, { runId: 'n-train' });
      const again = await tell(saga, CTL.pipelineRetry, { runId: 'n-train' });
      assert.equal([first.runId, again.runId], ['n-train-r1', 'n-train-r1']);
      assert.equal([first.changed, again.changed], [true, false]);
      await ended(saga, 'n-train-r1', 'completed');
      assert.equal(taken, ['collect n-train', 'train n-train', 'train n-train-r1', 'verify n-train-r1']);
      const { forkedFrom, dataset } = await contextOf(saga, 'n-train-r1');
      assert.equal([forkedFrom?.runId, forkedFrom?.stage], ['n-train', 'train']);
      assert.equal(dataset, (await contextOf(saga, 'n-train')).dataset);
      const unfit = await failureOf(() => tell(saga, CTL.pipelineRetry, { runId: 'n-train-r1' }));
      assert.is(unfit.code, 'COMMAND_NOT_APPLICABLE');
    });
  }));

test('fork: a new run from a stage of another has a changed configuration and reuses what came before', () =>
  withServer(async (server) => {
    const taken: string[] = [];
    await withSaga(server, { works: failing(new Set(), taken) }, async (saga) => {
      await firstNight(saga);
      const fork = { runId: 'n0', from: 'verify', newRunId: 'f1' };
      const changes = { training: { epochs: 7 } };
      const outcome = await tell(saga, CTL.pipelineFork, { ...fork, changes });
      assert.equal([outcome.runId, outcome.changed], ['f1', true]);
      await ended(saga, 'f1', 'completed');
      assert.is((await tell(saga, CTL.pipelineFork, { ...fork, changes })).changed, false);
      assert.equal(taken.slice(WORK_STAGES.length), ['verify f1']);
      const [old, forked] = [await contextOf(saga, 'n0'), await contextOf(saga, 'f1')];
      assert.is(forked.pipeline.training.epochs, 7);
      assert.equal({ ...forked.pipeline.training, epochs: old.pipeline.training.epochs }, old.pipeline.training);
      assert.equal(
        forked.plan.map(({ undo }) => undo),
        ['roll back', 'withdraw', 'stop verify'],
      );
      assert.is(await servedRun(saga), 'f1');
      const invalid = { runId: 'n0', from: 'train', changes: { training: { epochs: 'many' } } };
      assert.is((await failureOf(() => tell(saga, CTL.pipelineFork, invalid))).code, 'REQUEST_INVALID');
      const misspelt = { runId: 'n0', from: 'train', changes: { deployment: { guard: 7 } } };
      assert.match((await failureOf(() => tell(saga, CTL.pipelineFork, misspelt))).message, /\bguard\b/);
    });
  }));

test('compensation: one that fails is tried again, then waits for an operator, whose resume carries it out', () =>
  withServer(async (server) => {
    const gate = createGate();
    // The replica does not follow a rollback until the test lets it.
    const before = ({ change }: { change: string }) => (change === 'rolled-back' ? gate.opened : Promise.resolve());
    const pipeline = quickPipeline({ timeouts: { deployMs: 4_000 }, retry: { attemptsMax: 2, backoffMs: 50 } });
    await withSaga(server, { pipeline, replica: { before } }, async (saga) => {
      await firstNight(saga);
      const changes = { deployment: { guardMs: 3600_000 } };
      await tell(saga, CTL.pipelineFork, { runId: 'n0', from: 'deploy', newRunId: 'f1', changes });
      await reached(saga, 'f1', 'deploying.guarding');
      await tell(saga, CTL.pipelineCancel, { runId: 'f1' });
      const stuck = PipelineEventSchema.parse((await ended(saga, 'f1', 'needs-operator')).envelope.data);
      assert.match(stuck.failure?.message ?? '', /not taken back within its deadline/);
      const { plan, undoAttempt } = await contextOf(saga, 'f1');
      assert.equal([plan.find(({ status }) => status === 'due')?.undo, undoAttempt], ['roll back', 2]);
      const other = await failureOf(() => tell(saga, CTL.pipelineStart, { model: 'face', runId: 'n2' }));
      assert.is(other.code, 'RUN_ACTIVE');

      gate.open();
      const outcome = await tell(saga, CTL.pipelineResume, { runId: 'f1' });
      assert.is(outcome.changed, true);
      await ended(saga, 'f1', 'rolled-back');
      await saga.event(modelRolledBackSubject('face'));
      assert.is(await servedRun(saga), 'n0');
      assert.is((await contextOf(saga, 'f1')).plan[0]?.status, 'done');
    });
  }));

test.run();
