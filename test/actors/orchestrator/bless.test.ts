/** A candidate that an operator puts into service by hand, with name and reason in the ledger. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { endpointsOf } from '../../../actors/orchestrator/api.ts';
import { API, CTL, type PipelineFact } from '../../../contracts/subjects.ts';
import { failureOf } from '../../support/failures.ts';
import { digestOf, judgedNights, type JudgedNights } from '../../support/judged.ts';
import { quickPipeline, withSaga, type Saga, type SagaOptions } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';
import { contextOf, ended, start, tell } from '../../support/steering.ts';

const withNights = (use: (saga: Saga, nights: JudgedNights) => Promise<void>, options: SagaOptions = {}) =>
  withServer((server) => {
    const nights = judgedNights();
    return withSaga(server, { works: nights.works, ...options }, (saga) => use(saga, nights));
  });

type Judged = Partial<Pick<JudgedNights, 'verdict' | 'admitted'>>;
const REJECTED: Judged = { verdict: 'rejected', admitted: false };
const BLESSED: Judged = { verdict: 'blessed', admitted: true };

/** A night with data of its own that is judged so. */
async function night(saga: Saga, nights: JudgedNights, runId: string, judged: Judged, end: PipelineFact) {
  Object.assign(nights, { content: digestOf(runId), ...judged });
  await start(saga, runId);
  await ended(saga, runId, end);
}

const WORD = { by: 'Ada Byron', reason: 'the cameras were exchanged' };
const bless = (saga: Saga, runId: string, more: object = {}, id?: string) =>
  tell(saga, CTL.pipelineBless, { runId, ...WORD, ...more }, id);
const refusal = (saga: Saga, runId: string, more: object = {}) => failureOf(() => bless(saga, runId, more));
const servedRun = async (saga: Saga) => (await saga.orchestrator.deployments.load('face'))?.value.current?.runId;

test('bless: the candidate of a rejected run goes into service, and the ledger names who answers for it', () =>
  withNights(
    async (saga, nights) => {
      await night(saga, nights, 'n1', REJECTED, 'rejected');
      const outcome = await bless(saga, 'n1', { newRunId: 'b1' }, 'command-1');
      assert.equal([outcome.runId, outcome.changed], ['b1', true]);
      await ended(saga, 'b1', 'completed');
      assert.equal(nights.taken, ['collect n1', 'train n1', 'verify n1']);
      const { blessing, forkedFrom, verification } = await contextOf(saga, 'b1');
      assert.equal([blessing, forkedFrom?.runId, verification?.verdict], [WORD, 'n1', 'rejected']);
      const [served] = (await endpointsOf(saga.orchestrator)[API.deployments]({ model: 'face' })).models[0]!.releases;
      assert.equal([served?.reason, served?.why], ['blessed', 'Ada Byron: the cameras were exchanged']);
      const { current } = (await saga.orchestrator.deployments.load('face'))!.value;
      assert.equal([current?.runId, current?.dataset], ['b1', (await contextOf(saga, 'n1')).dataset]);
      const summary = await endpointsOf(saga.orchestrator)[API.run]({ runId: 'b1' });
      assert.equal([summary.state, summary.failure], ['completed', null]);
      const rejected = await endpointsOf(saga.orchestrator)[API.run]({ runId: 'n1' });
      assert.is(rejected.failure, 'strangers are let in');
    },
    // A person has agreed already, so nobody is asked a second time.
    { pipeline: quickPipeline({ deployment: { guardMs: 0, approval: { required: true } } }) },
  ));

test('bless: said twice it is done once, and afterwards there is nothing left to bless', () =>
  withNights(async (saga, nights) => {
    await night(saga, nights, 'n1', { verdict: 'inconclusive', admitted: false }, 'rejected');
    await bless(saga, 'n1', { newRunId: 'b1' });
    await ended(saga, 'b1', 'completed');
    assert.equal((await bless(saga, 'n1', { newRunId: 'b1' })).changed, false);
    const again = await refusal(saga, 'n1');
    assert.is(again.code, 'COMMAND_NOT_APPLICABLE');
    assert.match(again.message, /serves already, as release 1/);
    // Its data are those of the run that was judged.
    await start(saga, 'n2');
    await ended(saga, 'n2', 'unchanged');
  }));

test('bless: it is refused without name, reason, end, verification, or need', () =>
  withNights(async (saga, nights) => {
    assert.is((await refusal(saga, 'nobody')).code, 'RUN_UNKNOWN');
    await night(saga, nights, 'n1', BLESSED, 'completed');
    await night(saga, nights, 'n2', BLESSED, 'completed');
    for (const lacking of [{ by: ' ' }, { by: undefined }, { reason: '' }, { reason: undefined }]) {
      assert.is((await refusal(saga, 'n1', lacking)).code, 'MESSAGE_MALFORMED');
    }
    const blessed = await refusal(saga, 'n1');
    assert.is(blessed.code, 'COMMAND_NOT_APPLICABLE');
    assert.match(blessed.message, /was blessed by its verification/);
    await start(saga, 'n3');
    await ended(saga, 'n3', 'unchanged');
    assert.match((await refusal(saga, 'n3')).message, /no verified candidate/);
    assert.is(await servedRun(saga), 'n2');
  }));

test('bless: a candidate that is older than the pair in service is refused, one that is newer than it is not', () =>
  withNights(async (saga, nights) => {
    await night(saga, nights, 'n1', BLESSED, 'completed');
    await night(saga, nights, 'n2', BLESSED, 'completed');
    await night(saga, nights, 'n3', REJECTED, 'rejected');
    // The pair of n1 comes back: older than the candidate, though it was put into service after it.
    await tell(saga, CTL.modelRollback, { model: 'face', runId: 'back' });
    await ended(saga, 'back', 'rolled-back');
    await bless(saga, 'n3', { newRunId: 'b3' });
    await ended(saga, 'b3', 'completed');
    await night(saga, nights, 'n4', REJECTED, 'rejected');
    await night(saga, nights, 'n5', BLESSED, 'completed');
    const older = await refusal(saga, 'n4');
    assert.is(older.code, 'COMMAND_NOT_APPLICABLE');
    assert.match(older.message, /of release 5, is newer than the candidate of run n4; .*fork n4 --from verify/);
    assert.is(await servedRun(saga), 'n5');
  }));

test('bless: a deployment that fails is retried with the same blessing, and later nights are measured from it on', () => {
  const refused = new Set(['b1']);
  const refuses = (runId: string) => refused.has(runId);
  return withNights(
    async (saga, nights) => {
      await night(saga, nights, 'n0', BLESSED, 'completed');
      await night(saga, nights, 'n1', REJECTED, 'rejected');
      await bless(saga, 'n1', { newRunId: 'b1' });
      await ended(saga, 'b1', 'failed');
      assert.is((await tell(saga, CTL.pipelineRetry, { runId: 'b1' })).runId, 'b1-r1');
      await ended(saga, 'b1-r1', 'completed');
      assert.equal((await contextOf(saga, 'b1-r1')).blessing, WORD);
      await night(saga, nights, 'n2', BLESSED, 'completed');
      assert.equal(
        (await contextOf(saga, 'n2')).history.map(({ runId }) => runId),
        ['b1-r1'],
      );
    },
    { replica: { refuses } },
  );
});

test('bless: a run that is under way has to end first', () =>
  withNights(
    async (saga, nights) => {
      Object.assign(nights, { verdict: 'inconclusive', admitted: true });
      await start(saga, 'n1');
      await ended(saga, 'n1', 'awaiting-approval');
      assert.is((await refusal(saga, 'n1')).code, 'RUN_ACTIVE');
    },
    { pipeline: quickPipeline({ deployment: { guardMs: 0, approval: { required: true } } }) },
  ));

test.run();
