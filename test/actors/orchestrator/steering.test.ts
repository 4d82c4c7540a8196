/** Pause, approval, cancellation, and how an operator is answered, by the public subjects over a real server. */
import { headers } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { endpointsOf } from '../../../actors/orchestrator/api.ts';
import { readAnswer } from '../../../cli/client.ts';
import { makeEnvelope } from '../../../contracts/envelope.ts';
import { OutcomeSchema, REPLY_TO_HEADER, type Outcome } from '../../../contracts/commands.ts';
import { PipelineEventSchema } from '../../../contracts/messages.ts';
import { apiOfCommand, commandAcceptedSubject, commandSubject, CTL, STREAMS } from '../../../contracts/subjects.ts';
import { serveApi } from '../../../infra/messaging/api.ts';
import { failureOf } from '../../support/failures.ts';
import { quickPipeline, trivialWorks, withSaga, type Saga, type Works } from '../../support/saga.ts';
import { testLogger, withServer } from '../../support/server.ts';
import { contextOf, ended, hold, reached, start, stateOf, tell } from '../../support/steering.ts';
import { until } from '../../support/wait.ts';

const startsOf = (saga: Saga, stage: string) =>
  saga.events.filter(({ subject }) => subject.startsWith(`nightshift.evt.${stage}.`)).length;

test('pause: the stage under way ends and is kept, the next one begins only after resume, without a deadline', () =>
  withServer(async (server) => {
    const held = hold('collect');
    // Much shorter than what the test takes: a paused run does not heed it.
    const pipeline = quickPipeline({ timeouts: { collectMs: 60_000, answerMs: 200 } });
    await withSaga(server, { works: held.works, pipeline }, async (saga) => {
      await start(saga, 'n1');
      await until(() => held.taken.length > 0, 'the collection');
      const first = await tell(saga, CTL.pipelinePause, { runId: 'n1' }, 'pause-1');
      assert.equal([first.accepted, first.changed, first.state], [true, true, 'collecting.held']);
      const again = await tell(saga, CTL.pipelinePause, { runId: 'n1' }, 'pause-2');
      assert.equal([again.accepted, again.changed], [true, false]);
      assert.equal(
        (await saga.orchestrator.timers.waiting('n1')).filter((name) => name !== 'observe'),
        [],
      );
      held.release();
      await ended(saga, 'n1', 'paused');
      assert.ok((await contextOf(saga, 'n1')).dataset);
      assert.is(startsOf(saga, 'train'), 0);
      const on = await tell(saga, CTL.pipelineResume, { runId: 'n1' });
      assert.is(on.accepted, true);
      await ended(saga, 'n1', 'completed');
      const late = await failureOf(() => tell(saga, CTL.pipelinePause, { runId: 'n1' }));
      assert.is(late.code, 'RUN_ENDED');
    });
  }));

const approving = (onTimeout: 'reject' | 'approve', timeoutMs = 3600_000) =>
  quickPipeline({ deployment: { guardMs: 0, approval: { required: true, timeoutMs, onTimeout } } });

test('approval: the candidate waits for a person, who lets it in or keeps it out; both may be said twice', () =>
  withServer((server) =>
    withSaga(server, { pipeline: approving('reject') }, async (saga) => {
      await start(saga, 'n1');
      await ended(saga, 'n1', 'awaiting-approval');
      assert.is(await saga.orchestrator.deployments.load('face'), null);
      assert.is((await tell(saga, CTL.pipelineApprove, { runId: 'n1' })).changed, true);
      await ended(saga, 'n1', 'completed');
      const again = await tell(saga, CTL.pipelineApprove, { runId: 'n1' });
      assert.equal([again.accepted, again.changed], [true, false]);

      await start(saga, 'n2');
      await ended(saga, 'n2', 'awaiting-approval');
      await tell(saga, CTL.pipelineReject, { runId: 'n2', reason: 'not before the holidays' });
      const end = PipelineEventSchema.parse((await ended(saga, 'n2', 'rejected')).envelope.data);
      assert.equal([end.failure?.code, end.failure?.message], ['APPROVAL_DENIED', 'not before the holidays']);
      assert.is((await tell(saga, CTL.pipelineReject, { runId: 'n2' })).changed, false);
      assert.is((await failureOf(() => tell(saga, CTL.pipelineApprove, { runId: 'n2' }))).code, 'RUN_ENDED');
      assert.is((await saga.orchestrator.deployments.load('face'))?.value.current?.runId, 'n1');
    }),
  ));

const HOLD = 'source "auth" has 0 images and had 12: 100 % fewer';
const unlike: Partial<Works> = {
  collect: async (...args) => ({
    ...(await trivialWorks.collect(...args)),
    findings: [{ check: 'sourceShrank', action: 'hold', message: HOLD }],
  }),
};

test("data that is unlike the champion's: nothing is trained before a person has looked at it; both words may be said", () =>
  withServer((server) =>
    withSaga(server, { works: unlike }, async (saga) => {
      for (const [runId, command, end] of [
        ['n1', CTL.pipelineApprove, 'completed'],
        ['n2', CTL.pipelineReject, 'rejected'],
        ['n3', CTL.pipelineCancel, 'cancelled'],
      ] as const) {
        await start(saga, runId);
        await ended(saga, runId, 'awaiting-approval');
        assert.equal((await contextOf(saga, runId)).holds, [HOLD]);
        assert.is(await stateOf(saga, runId), 'awaitingApproval');
        const starts = saga.events.filter(({ subject }) => subject.endsWith(`train.completed.${runId}`));
        assert.is(starts.length, 0);
        await tell(saga, CTL.pipelinePause, { runId });
        await tell(saga, CTL.pipelineResume, { runId });
        assert.is(await stateOf(saga, runId), 'awaitingApproval');
        assert.is((await tell(saga, command, { runId })).changed, true);
        await ended(saga, runId, end);
      }
      assert.is((await saga.orchestrator.deployments.load('face'))?.value.current?.runId, 'n1');
    }),
  ));

test("data that is unlike the champion's: silence never makes it right", () =>
  withServer((server) =>
    withSaga(server, { works: unlike, pipeline: approving('approve', 200) }, async (saga) => {
      await start(saga, 'n1');
      const end = PipelineEventSchema.parse((await ended(saga, 'n1', 'rejected')).envelope.data);
      assert.match(end.failure?.message ?? '', /nobody approved in time/);
      assert.is(await saga.orchestrator.deployments.load('face'), null);
    }),
  ));

test('approval: silence counts as configured', () =>
  withServer(async (server) => {
    await withSaga(server, { pipeline: approving('reject', 200) }, async (saga) => {
      await start(saga, 'n1');
      await ended(saga, 'n1', 'rejected');
      assert.is(await saga.orchestrator.deployments.load('face'), null);
    });
    await withSaga(server, { pipeline: approving('approve', 200) }, async (saga) => {
      await start(saga, 'n2');
      await ended(saga, 'n2', 'completed');
    });
  }));

test('cancel: a worker that never answers is asked three times, then the run ends without it', () =>
  withServer((server) =>
    withSaga(server, { pipeline: quickPipeline({ timeouts: { answerMs: 200 } }), absent: ['train'] }, async (saga) => {
      await start(saga, 'n1');
      await reached(saga, 'n1', 'training');
      const outcome = await tell(saga, CTL.pipelineCancel, { runId: 'n1', reason: 'wrong data' });
      assert.is(outcome.state, 'compensating.stopping');
      const end = PipelineEventSchema.parse((await ended(saga, 'n1', 'cancelled')).envelope.data);
      assert.is(end.failure?.message, 'wrong data');
      const { plan, undoAttempt } = await contextOf(saga, 'n1');
      assert.is(undoAttempt, 3);
      assert.is(plan.find(({ undo }) => undo === 'stop train')?.status, 'unanswered');
      const again = await tell(saga, CTL.pipelineCancel, { runId: 'n1' });
      assert.equal([again.accepted, again.changed, again.state], [true, false, 'cancelled']);
    }),
  ));

test('cancel: forced, the run ends at once, also when a graceful cancellation is under way', () =>
  withServer((server) =>
    withSaga(server, { absent: ['train'] }, async (saga) => {
      for (const runId of ['n1', 'n2']) {
        await start(saga, runId);
        await reached(saga, runId, 'training');
        if (runId === 'n2') await tell(saga, CTL.pipelineCancel, { runId });
        const { state } = await tell(saga, CTL.pipelineCancel, { runId, force: true });
        assert.is(state, 'cancelled');
      }
      // The command to stop waits for the worker all the same.
      saga.startLate('train');
      await saga.event('nightshift.evt.train.cancelled.n2');
    }),
  ));

test('cancel: work whose start waited beside its cancellation for a worker does not go on', () =>
  withServer(async (server) => {
    const held = hold('train');
    await withSaga(server, { works: held.works, absent: ['train'] }, async (saga) => {
      await start(saga, 'n1');
      await reached(saga, 'n1', 'training');
      await tell(saga, CTL.pipelineCancel, { runId: 'n1' });
      saga.startLate('train');
      await ended(saga, 'n1', 'cancelled');
      const isHeld = () => saga.bus.hasPending(STREAMS.commands, commandSubject('train', 'start', 'n1'));
      await until(async () => !(await isHeld()), 'the start command to be let go');
      const said = (await saga.storedEvents()).map(({ subject }) => subject);
      assert.equal(
        said.filter((subject) => subject.startsWith('nightshift.evt.train.')),
        ['nightshift.evt.train.cancelled.n1'],
      );
    });
  }));

test('operators: a start that is delivered again is answered as at first, one under another id as nothing new', () =>
  withServer((server) =>
    withSaga(server, { absent: ['collect'] }, async (saga) => {
      const data = { model: 'face', runId: 'n1' };
      assert.is((await tell(saga, CTL.pipelineStart, data, 'first')).changed, true);
      const replies = saga.nc.subscribe('_INBOX.operator.1', { max: 1 });
      const meta = headers();
      meta.set(REPLY_TO_HEADER, '_INBOX.operator.1');
      const message = { id: 'first', source: 'test', subject: CTL.pipelineStart, time: new Date(), data };
      // Without the header by which the stream would know it.
      saga.nc.publish(CTL.pipelineStart, JSON.stringify(makeEnvelope(message)), { headers: meta });
      for await (const reply of replies) assert.is(OutcomeSchema.parse(reply.json()).changed, true);
      assert.is((await tell(saga, CTL.pipelineStart, data, 'second')).changed, false);
    }),
  ));

test('operators: a command is answered in the inbox that it names, by an event, and by request and reply', () =>
  withServer((server) =>
    withSaga(server, { pipeline: approving('reject') }, async (saga) => {
      const api = await serveApi(saga.nc, endpointsOf(saga.orchestrator), testLogger());
      const started = await ask(saga, apiOfCommand(CTL.pipelineStart), { model: 'face', runId: 'n1' });
      assert.equal([started.accepted, started.runId], [true, 'n1']);
      await ended(saga, 'n1', 'awaiting-approval');

      const inbox = '_INBOX.operator.1';
      const answers: Outcome[] = [];
      saga.nc.subscribe(inbox, { callback: (_, message) => void answers.push(OutcomeSchema.parse(message.json())) });
      await saga.bus.publish(CTL.pipelinePause, { runId: 'n1' }, { id: 'p.1', replyTo: inbox });
      const event = await saga.event(commandAcceptedSubject('p-1'));
      await until(() => answers.length > 0, 'the answer in the inbox');
      assert.equal(answers[0], OutcomeSchema.parse(event.envelope.data));
      assert.is(answers[0]?.state, 'paused');

      const unfit = await failureOf(() => ask(saga, apiOfCommand(CTL.pipelineApprove), { runId: 'n1' }));
      assert.is(unfit.code, 'COMMAND_NOT_APPLICABLE');
      assert.match(unfit.message, /n1 stands in paused, where approve/);
      const unknown = await failureOf(() => ask(saga, apiOfCommand(CTL.pipelineResume), { runId: 'nobody' }));
      assert.is(unknown.code, 'RUN_UNKNOWN');
      const malformed = await failureOf(() => ask(saga, apiOfCommand(CTL.pipelineFork), { runId: 'n1' }));
      assert.is(malformed.code, 'MESSAGE_MALFORMED');
      assert.is(await stateOf(saga, 'n1'), 'paused');
      await api.stop();
    }),
  ));

async function ask(saga: Saga, subject: string, body: object): Promise<Outcome> {
  const answer = await saga.nc.request(subject, JSON.stringify(body), { timeout: 60_000 });
  return readAnswer(answer, OutcomeSchema, subject);
}

test.run();
