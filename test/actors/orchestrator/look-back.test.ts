/** Nights that know of those before: no new release where nothing has changed, and the figures of earlier releases. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../contracts/errors.ts';
import { CTL, type PipelineFact } from '../../../contracts/subjects.ts';
import { rollBack } from '../../../cli/commands/operate.ts';
import { runKey } from '../../../actors/orchestrator/context.ts';
import { digestOf, judgedNights, type JudgedNights } from '../../support/judged.ts';
import { quickPipeline, withSaga, type Saga, type SagaOptions } from '../../support/saga.ts';
import { configure } from '../../support/configured.ts';
import { withServer } from '../../support/server.ts';
import { contextOf, ended, reached, start, tell } from '../../support/steering.ts';

const withNights = (use: (saga: Saga, nights: JudgedNights) => Promise<void>, options: SagaOptions = {}) =>
  withServer((server) => {
    const nights = judgedNights();
    return withSaga(server, { works: nights.works, ...options }, (saga) => use(saga, nights));
  });

/** Starts the runs one after the other, each of which has to end so. */
async function nightly(saga: Saga, end: PipelineFact, ...runIds: string[]): Promise<void> {
  for (const runId of runIds) {
    await start(saga, runId);
    await ended(saga, runId, end);
  }
}

const trained = ({ taken }: JudgedNights) => taken.filter((it) => it.startsWith('train')).map((it) => it.slice(6));
const servedRun = async (saga: Saga) => (await saga.orchestrator.deployments.load('face'))?.value.current?.runId;

test('unchanged: of six nights with the same data the first completes, and five end unchanged', () =>
  withNights(async (saga, nights) => {
    await nightly(saga, 'completed', 'n1');
    await nightly(saga, 'unchanged', 'n2', 'n3', 'n4', 'n5', 'n6');
    assert.equal(trained(nights), ['n1']);
    assert.is(nights.taken.filter((it) => it.startsWith('collect')).length, 6);
    const record = (await saga.orchestrator.deployments.load('face'))!.value;
    assert.equal([record.current?.runId, record.releaseMax, record.announced], ['n1', 1, null]);
    const { lastVerdict, plan, content } = await contextOf(saga, 'n6');
    assert.equal([lastVerdict, content], ['n1', digestOf('monday')]);
    assert.is(plan.find(({ undo }) => undo === 'stop collect')?.status, 'unneeded');
    nights.content = digestOf('tuesday');
    await nightly(saga, 'completed', 'n7');
    assert.is(await servedRun(saga), 'n7');
  }));

test('unchanged: a rejected candidate is not made again from the same data, with a champion or without', () =>
  withNights(async (saga, nights) => {
    Object.assign(nights, { verdict: 'rejected', admitted: false });
    await nightly(saga, 'rejected', 'n1');
    await nightly(saga, 'unchanged', 'n2', 'n3');
    nights.content = digestOf('tuesday');
    Object.assign(nights, { verdict: 'blessed', admitted: true });
    await nightly(saga, 'completed', 'n4');
    nights.content = digestOf('wednesday');
    Object.assign(nights, { verdict: 'inconclusive', admitted: false });
    await nightly(saga, 'rejected', 'n5');
    await nightly(saga, 'unchanged', 'n6');
    assert.equal(trained(nights), ['n1', 'n4', 'n5']);
    assert.is(await servedRun(saga), 'n4');
  }));

test('unchanged: an operator who insists, a fork and a retry go through the stages', () =>
  withNights(async (saga, nights) => {
    await nightly(saga, 'completed', 'n1');
    await tell(saga, CTL.pipelineStart, { model: 'face', runId: 'forced', force: true });
    await ended(saga, 'forced', 'completed');
    await nightly(saga, 'unchanged', 'n2');
    assert.is((await tell(saga, CTL.pipelineRetry, { runId: 'n2' })).runId, 'n2-r1');
    await ended(saga, 'n2-r1', 'completed');
    await tell(saga, CTL.pipelineFork, { runId: 'n1', from: 'collect', newRunId: 'f1' });
    await ended(saga, 'f1', 'completed');
    assert.equal(trained(nights), ['n1', 'forced', 'n2-r1', 'f1']);
    assert.ok(!nights.taken.includes('collect n2-r1'), 'the retry goes on from the snapshot');
  }));

test('unchanged: another configuration or champion is a change, another schedule, deadline or word is none', () => {
  const pipelines = {
    later: quickPipeline({
      ...{ schedule: { cron: '0 3 * * *' }, timeouts: { trainMs: 60_000 }, retry: { attemptsMax: 2 } },
      noun: { one: 'class', many: 'classes' },
    }),
    longer: quickPipeline({ training: { epochs: 77 } }),
  };
  return withNights(async (saga, nights) => {
    await nightly(saga, 'completed', 'n1');
    const { configs } = saga.orchestrator;
    await configure(configs, { face: pipelines.later });
    await nightly(saga, 'unchanged', 'n2');
    await configure(configs, { face: pipelines.longer });
    await nightly(saga, 'completed', 'n3');
    await nightly(saga, 'unchanged', 'n4');
    await rollBack(saga.bus, 'face');
    assert.is(await servedRun(saga), 'n1');
    await nightly(saga, 'completed', 'n5');
    assert.equal(trained(nights), ['n1', 'n3', 'n5']);
  });
});

test('unchanged: a night that failed or was cancelled between hides no verdict', () => {
  const nights = judgedNights();
  const train: typeof nights.works.train = (command, context) => {
    if (command.runId === 'broken') throw new PipelineError('INTERNAL', 'broken');
    return nights.works.train(command, context);
  };
  return withServer((server) =>
    withSaga(server, { works: { ...nights.works, train } }, async (saga) => {
      await nightly(saga, 'completed', 'n1');
      nights.content = digestOf('tuesday');
      await nightly(saga, 'failed', 'broken');
      nights.content = digestOf('monday');
      await nightly(saga, 'unchanged', 'n2');
      nights.content = digestOf('tuesday');
      await nightly(saga, 'completed', 'n3');
      assert.equal(
        [(await contextOf(saga, 'broken')).lastVerdict, (await contextOf(saga, 'n2')).lastVerdict],
        ['n1', 'n1'],
      );
    }),
  );
});

test('unchanged: a night whose candidate nobody approved in time is followed by one that asks again, one refused is not', () => {
  const approval = { required: true, timeoutMs: 1_000 };
  return withNights(
    async (saga) => {
      await nightly(saga, 'rejected', 'n1');
      await start(saga, 'n2');
      await reached(saga, 'n2', 'awaitingApproval');
      await tell(saga, CTL.pipelineReject, { runId: 'n2' });
      await ended(saga, 'n2', 'rejected');
      await nightly(saga, 'unchanged', 'n3');
    },
    { pipeline: quickPipeline({ deployment: { guardMs: 0, approval } }) },
  );
});

test('history: a verifier is told the figures of the releases before, newest first, each once, without those that are gone', () =>
  withNights(async (saga, nights) => {
    for (const [index, runId] of ['n1', 'n2', 'n3'].entries()) {
      Object.assign(nights, { content: digestOf(runId), rank1PerPerson: 0.9 + index / 100 });
      await nightly(saga, 'completed', runId);
    }
    await rollBack(saga.bus, 'face');
    Object.assign(nights, { content: digestOf('n4'), verdict: 'rejected', admitted: false });
    await nightly(saga, 'rejected', 'n4');
    const told = async (runId: string) =>
      (await contextOf(saga, runId)).history.map((it) => [it.runId, it.release, it.rank1PerPerson]);
    const all = [
      ['n3', 3, 0.92],
      ['n2', 2, 0.91],
      ['n1', 1, 0.9],
    ];
    assert.equal(await told('n4'), all);
    // As of a version that nobody here knows.
    const { runs } = saga.orchestrator;
    const { value, revision } = (await runs.load(runKey('n2')))!;
    await runs.save(runKey('n2'), { ...value, machine: 'nobody knows' }, revision);
    nights.content = digestOf('n5');
    await nightly(saga, 'rejected', 'n5');
    assert.equal(await told('n5'), [all[0], all[2]]);
  }));

test('history: a lock that was taken before a crash still knows the run before it', () =>
  withNights(async (saga) => {
    await nightly(saga, 'completed', 'n1');
    const { locks } = saga.orchestrator;
    const { value, revision } = (await locks.load('lock.face'))!;
    assert.equal([value.runId, value.before], ['n1', null]);
    // As `n2` left it when its process died before the run was stored.
    await locks.save('lock.face', { runId: 'n2', takenAt: new Date().toISOString(), before: 'n1' }, revision);
    await nightly(saga, 'unchanged', 'n2');
  }));

test.run();
