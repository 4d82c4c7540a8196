/** Every endpoint over a real server: its answer is what the table of contracts/api.ts promises, and all of it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ENDPOINTS, type ApiSubject } from '../../../contracts/api.ts';
import { API, CTL } from '../../../contracts/subjects.ts';
import { endpointsOf } from '../../../actors/orchestrator/api.ts';
import { runKey } from '../../../actors/orchestrator/context.ts';
import { lookBack } from '../../../actors/orchestrator/look-back.ts';
import { firstCheckpoint, type Checkpoint } from '../../../machines/step.ts';
import { VERSIONS } from '../../../machines/versions.ts';
import { failureOf } from '../../support/failures.ts';
import { askEverything } from '../../support/api-answers.ts';
import { nightInput, REJECTED, verified } from '../../support/runs.ts';
import { quickPipeline, withSaga } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';
import { ended, tell } from '../../support/steering.ts';

test('api: each endpoint takes the question of its schema, and its answer has every field of its schema and no other', () =>
  withServer(async (server) => {
    const exchanges = await askEverything(server);
    assert.equal(Object.keys(exchanges).sort(), Object.keys(ENDPOINTS).sort());
    for (const [subject, { question, answer }] of Object.entries(exchanges)) {
      const schemas = ENDPOINTS[subject as ApiSubject]; // Compared above.
      assert.ok(schemas.question.safeParse(question).success, subject);
      // A field that the schema does not know would be missing in what is parsed.
      assert.equal(schemas.answer.parse(answer), answer, subject);
    }
  }));

test('api: a question that does not fit is refused by the name of its field', () =>
  withServer((server) =>
    withSaga(server, { replica: false }, async ({ orchestrator }) => {
      const endpoints = endpointsOf(orchestrator);
      const failure = await failureOf(() => endpoints[API.run]({ runId: 'n1', at: 'yesterday' }));
      assert.is(failure.code, 'REQUEST_INVALID');
      assert.match(failure.message, /^at: /);
      assert.match((await failureOf(() => endpoints[API.deadLetters]({ limit: 0 }))).message, /^limit: /);
    }),
  ));

test('api: runs are chosen by model, state and time, and come page by page', () =>
  withServer((server) =>
    withSaga(server, { replica: false, orchestrators: 0 }, async ({ orchestrator }) => {
      const made = Array.from({ length: 5 }, (_, n) => {
        const input = nightInput({ runId: `n${n}`, model: n === 2 ? 'badge' : 'face' });
        return firstCheckpoint(input, 'm1', new Date(n * 60_000));
      });
      for (const run of made) await orchestrator.runs.save(runKey(run.context.runId), run, 0);
      await orchestrator.runs.save(runKey('n4'), { ...made[4]!, status: 'done', value: 'failed' }, 5);
      const ask = async (question: object) => {
        const { runs, total } = await endpointsOf(orchestrator)[API.runs](question);
        return [runs.map(({ runId }) => runId).join(' '), total];
      };
      assert.equal(await ask({}), ['n4 n3 n2 n1 n0', 5]);
      assert.equal(await ask({ limit: 2 }), ['n4 n3', 5]);
      assert.equal(await ask({ limit: 2, before: 'n3' }), ['n2 n1', 5]);
      assert.equal(await ask({ model: 'face', since: new Date(60_000).toISOString() }), ['n4 n3 n1', 3]);
      assert.equal(await ask({ state: 'failed' }), ['n4', 1]);
      assert.equal(await ask({ status: 'active', model: 'badge' }), ['n2', 1]);
      // An answer is one message, however many words the failures have.
      const failure = { code: 'INTERNAL' as const, message: 'x'.repeat(300_000), retryable: false };
      for (const runId of ['n3', 'n1']) {
        const stored = (await orchestrator.runs.load(runKey(runId)))!;
        const wordy = { ...stored.value, context: { ...stored.value.context, failure } };
        await orchestrator.runs.save(runKey(runId), wordy, stored.revision);
      }
      assert.equal(await ask({}), ['n4 n3 n2', 5]);
      assert.equal(await ask({ before: 'n2' }), ['n1 n0', 5]);
      const unknown = await failureOf(() => endpointsOf(orchestrator)[API.runs]({ before: 'n9' }));
      assert.match(unknown.message, /no run n9 is among those that fit/);
      const misspelt = await failureOf(() => endpointsOf(orchestrator)[API.runs]({ state: 'singing' }));
      assert.match(misspelt.message, /^state: .*failed/);
    }),
  ));

test('api: a run that 0.1.0 has stored is shown in the words of today', () =>
  withServer((server) =>
    withSaga(server, { replica: false, orchestrators: 0 }, async ({ orchestrator }) => {
      const today = firstCheckpoint(nightInput({ runId: 'old' }), 'm1', new Date(0));
      const forkedFrom = { runId: 'older', stage: 'training', dataset: null, candidate: null, verification: null };
      const then = {
        ...today,
        machine: VERSIONS[0]!.digest, // That of 0.1.0.
        value: { deploying: { trying: 'watching' } },
        cause: 'training.completed',
        context: { ...today.context, forkedFrom },
      };
      // Its words are not those of the type.
      await orchestrator.runs.save(runKey('old'), then as unknown as Checkpoint, 0);
      const answer = await endpointsOf(orchestrator)[API.run]({ runId: 'old' });
      assert.equal([answer.state, answer.context.forkedFrom?.stage], ['deploying.canary.watching', 'train']);
      assert.equal(
        answer.timeline.map(({ cause, actor }) => [cause, actor]),
        [['train.completed', 'trainer']],
      );
      assert.ok(ENDPOINTS[API.run].answer.safeParse(answer).success);
      const { runs } = await endpointsOf(orchestrator)[API.runs]({});
      assert.equal(
        runs.map(({ state }) => state),
        ['deploying.canary.watching'],
      );
    }),
  ));

test('api: a run that 0.2.0 has rejected is shown with its reasons, and can be blessed no less than one of today', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      const { orchestrator } = saga;
      const { dataset, candidate } = REJECTED;
      const { admitted: _, ...verification } = verified('old.verify.1', 'rejected');
      const old = { ...verification, reasons: ['rank-1 is 20 %, at least 80 % is demanded'], figures: FIGURES_OF_02 };
      const first = firstCheckpoint(nightInput({ runId: 'old', pipeline: quickPipeline() }), 'm1', new Date(0));
      const then = {
        ...first,
        machine: VERSIONS[1]!.digest, // That of 0.2.0.
        ...{ value: 'rejected', status: 'done', outbox: [], timers: {} },
        context: { ...first.context, dataset, candidate, stage: null, verification: old },
      };
      // Its words are not those of the type.
      await orchestrator.runs.save(runKey('old'), then as unknown as Checkpoint, 0);
      const answer = await endpointsOf(orchestrator)[API.run]({ runId: 'old' });
      assert.equal([answer.state, answer.failure], ['rejected', old.reasons[0]]);
      const data = { runId: 'old', by: 'Ada', reason: 'it is the first', newRunId: 'b1' };
      assert.is((await tell(saga, CTL.pipelineBless, data)).accepted, true);
      await ended(saga, 'b1', 'completed');
      const record = (await orchestrator.deployments.load('face'))!.value;
      const { history } = await lookBack(orchestrator, { runId: 'b1', checkpoint: null }, record, quickPipeline());
      assert.is(record.ledger[0]?.reason, 'blessed');
      assert.equal(history, [], 'figures that had another meaning are compared with nothing');
    }),
  ));

const FIGURES_OF_02 = {
  candidate: { accuracy: { rank1: 0.2, rocAuc: 0.5, tarAtFar1e2: 0.1, threshold: 0.5, probes: 1, galleryPeople: 1 } },
  champion: null,
};

test('api: the time line says who noticed that a worker is silent', () =>
  withServer((server) =>
    withSaga(server, { replica: false, orchestrators: 0 }, async ({ orchestrator }) => {
      const silent = { ...firstCheckpoint(nightInput({ runId: 'quiet' }), 'm1', new Date(0)), cause: 'worker.silent' };
      await orchestrator.runs.save(runKey('quiet'), silent, 0);
      const { timeline } = await endpointsOf(orchestrator)[API.run]({ runId: 'quiet' });
      assert.is(timeline[0]?.actor, 'orchestrator');
    }),
  ));

test.run();
