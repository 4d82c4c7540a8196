/** Notices of runs, schedules and dead letters over a real server, to a real receiver. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startOrchestrator } from '../../../actors/orchestrator/orchestrator.ts';
import { applySchedules } from '../../../actors/orchestrator/schedule.ts';
import { NotifyConfigSchema, type NotifyConfig } from '../../../contracts/configuration/notify.ts';
import { LetterKeptSchema } from '../../../contracts/dead-letter.ts';
import type { NoticeKind } from '../../../contracts/notification.ts';
import { CTL, pipelineEventSubject, scheduleEventSubject, slotSubject, STREAMS } from '../../../contracts/subjects.ts';
import { CONSUMERS } from '../../../infra/topology/consumers.ts';
import { managerOf } from '../../../infra/messaging/jetstream.ts';
import { WEBHOOK_SECRET, withReceiver, type Receiver, type Taken } from '../../support/receivers.ts';
import { quickPipeline, trivialWorks, withSaga, type Saga, type SagaOptions } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { until } from '../../support/wait.ts';

process.env['NOTIFY_TEST_SECRET'] = WEBHOOK_SECRET;
const secret = { env: 'NOTIFY_TEST_SECRET' };
const told = (webhooks: object, more: object = {}): NotifyConfig =>
  NotifyConfigSchema.parse({ webhooks, consoleUrl: 'https://console.example/', ...more });

type Use = (saga: Saga, receiver: Receiver) => Promise<void>;

const notified = (options: SagaOptions, use: Use, more: object = {}) =>
  withReceiver((receiver) =>
    withServer((server) =>
      withSaga(server, { ...options, notify: told({ ops: { url: receiver.url, secret } }, more) }, (saga) =>
        use(saga, receiver),
      ),
    ),
  );

const start = ({ bus }: Saga, runId: string) =>
  bus.publish(CTL.pipelineStart, { model: 'face', runId }, { id: `${runId}.start` });
const noticeFor = ({ taken }: Receiver, kind: NoticeKind): Promise<Taken> =>
  until(() => taken.find(({ notice }) => notice.kind === kind) ?? null, `a notice ${kind}`);
/** Nothing is under way or waits, so that what was told is all. */
const quiet = async ({ nc }: Saga) => {
  const { consumers } = await managerOf(nc);
  await until(async () => {
    const info = await consumers.info(STREAMS.events, CONSUMERS.notifications);
    return info.num_pending === 0 && info.num_ack_pending === 0;
  }, 'all notices are taken');
};
const failing = async (): Promise<never> => {
  throw new Error('no disk');
};
/** Its lines go nowhere else, whatever the level of the tests. */
const quietLog = () => createLogger({ level: 'info' }, { write: () => {} });
const withoutTime = (line: string) => line.replace(/^\S+Z /, '');
const verdict =
  (word: 'rejected' | 'inconclusive'): typeof trivialWorks.verify =>
  async (...args) => ({
    ...(await trivialWorks.verify(...args)),
    ...{ verdict: word, admitted: false, reasons: [`the gate says ${word}`] },
  });

test('notifications: a night that fails is told once, with stage, cause, failure and link', () =>
  notified(
    {
      ...{ works: { train: failing }, log: quietLog() },
      pipeline: quickPipeline({ retry: { attemptsMax: 2, backoffMs: 20 } }),
    },
    async (saga, receiver) => {
      await start(saga, 'n1');
      const { notice } = await noticeFor(receiver, 'failed');
      await quiet(saga);
      assert.is(receiver.taken.length, 1);
      const { at, failure, lastLines, ...rest } = notice;
      assert.equal(lastLines.map(withoutTime), ['info train: started', 'warn train: failed: no disk [Error]']);
      assert.ok(Date.parse(at) > 0);
      assert.match(failure!.message!, /no disk/);
      assert.equal(rest, {
        ...{ kind: 'failed', title: 'face: the night failed', model: 'face', runId: 'n1', stage: 'train' },
        ...{ cause: rest.cause, link: 'https://console.example/#/runs/n1' },
      });
      assert.match(rest.cause!, /^failed/);
    },
  ));

test('notifications: the log of the worker comes along: what it said of this run in its last attempt, the newest ten lines', () => {
  let attempts = 0;
  const train: typeof trivialWorks.train = async ({ runId }, { log }) => {
    attempts += 1;
    for (let epoch = 0; epoch < 20; epoch += 1) log.info({ runId, epoch, folder: '/srv/x' }, `attempt ${attempts}`);
    throw new Error('no disk');
  };
  const pipeline = quickPipeline({ retry: { attemptsMax: 2, backoffMs: 20 } });
  return notified({ works: { train }, log: quietLog(), pipeline }, async (saga, receiver) => {
    await start(saga, 'n1');
    const { lastLines } = (await noticeFor(receiver, 'failed')).notice;
    const epochs = Array.from({ length: 9 }, (_, i) => `info attempt 2 epoch=${i + 11}`);
    assert.equal(lastLines.map(withoutTime), [...epochs, 'warn train: failed: no disk [Error]']);
  });
});

test('notifications: no lines come along without details', () =>
  notified(
    { works: { train: failing }, log: quietLog(), pipeline: quickPipeline({ retry: { attemptsMax: 1 } }) },
    async (saga, receiver) => {
      await start(saga, 'n1');
      const { failure, lastLines } = (await noticeFor(receiver, 'failed')).notice;
      assert.equal({ failure, lastLines }, { failure: { code: 'INTERNAL', message: null }, lastLines: [] });
    },
    { details: false },
  ));

for (const word of ['rejected', 'inconclusive'] as const) {
  test(`notifications: a candidate whose verdict is ${word} is told with the reasons`, () =>
    notified({ works: { verify: verdict(word) } }, async (saga, receiver) => {
      await start(saga, 'n1');
      const { notice } = await noticeFor(receiver, word);
      await quiet(saga);
      assert.is(receiver.taken.length, 1);
      assert.is(notice.cause, `the gate says ${word}`);
      assert.is(notice.stage, 'verify');
    }));
}

test('notifications: a run that waits for approval is told, and its rejection as well; without details if so wanted', () =>
  notified(
    { pipeline: quickPipeline({ deployment: { guardMs: 0, approval: { required: true } } }) },
    async (saga, receiver) => {
      await start(saga, 'n1');
      await noticeFor(receiver, 'held');
      await saga.bus.publish(CTL.pipelineReject, { runId: 'n1', reason: 'Ada looks wrong' }, { id: 'no' });
      const { notice } = await noticeFor(receiver, 'rejected');
      await quiet(saga);
      assert.is(receiver.taken.length, 2);
      assert.equal(notice.failure, { code: 'APPROVAL_DENIED', message: null });
      assert.not.match(JSON.stringify(receiver.taken), /Ada/);
    },
    { details: false },
  ));

for (const [fact, kind] of [
  ['rolled-back', 'rolled-back'],
  ['needs-operator', 'needs-operator'],
] as const) {
  test(`notifications: the fact ${fact} is told, and once though it comes twice`, () =>
    notified({}, async (saga, receiver) => {
      const data = { runId: 'n9', model: 'face', state: 'rolledBack', failure: null };
      await saga.bus.publish(pipelineEventSubject(fact, 'n9'), data, { id: 'n9.7.fact' });
      await saga.bus.publish(pipelineEventSubject(fact, 'n9'), data, { id: 'n9.7.fact' });
      const { notice } = await noticeFor(receiver, kind);
      await quiet(saga);
      assert.is(receiver.taken.length, 1);
      assert.is(notice.runId, 'n9');
    }));
}

test('notifications: a dead letter is told, and one of a notice is not', () =>
  notified({}, async (saga, receiver) => {
    await saga.bus.publish(slotSubject('door'), {}, { id: 'slot-d1' });
    const { notice } = await noticeFor(receiver, 'dead-letter');
    assert.is(notice.failure!.code, 'MODEL_UNKNOWN');
    await quiet(saga);
    assert.is(receiver.taken.length, 1);
  }));

test('notifications: a notice that is not taken for too long becomes a dead letter, which is told to nobody', () =>
  withReceiver((receiver) =>
    withServer((server) =>
      withSaga(server, { orchestrators: 0 }, async (saga) => {
        receiver.answerWith(503);
        // As if its time had run out when it is tried first.
        const notify = { ...told({ ops: { url: receiver.url, secret } }), giveUpAfterHours: -1 };
        const orchestrator = startOrchestrator({ ...saga.orchestrator, notify });
        const data = { runId: 'n9', model: 'face', state: 'failed', failure: null };
        await saga.bus.publish(pipelineEventSubject('failed', 'n9'), data, { id: 'n9.7.fact' });
        const kept = await until(() => saga.events.find(({ subject }) => subject.includes('.dlq.kept.')), 'a letter');
        const letter = LetterKeptSchema.parse(kept.envelope.data);
        assert.is(letter.consumer, CONSUMERS.notifications);
        assert.match(letter.error, /face: the night failed: notify\.webhooks\.ops at .* answered HTTP 503/);
        await quiet(saga);
        assert.is(receiver.asked.length, 1);
        await orchestrator.stop();
      }),
    ),
  ));

test('notifications: of two receivers the one that is down gets it when it is up again, the other only once', () =>
  withReceiver((up) =>
    withReceiver((down) =>
      withServer((server) => {
        const notify = told({ up: { url: up.url, secret }, down: { url: down.url, secret } });
        return withSaga(server, { notify, orchestrators: 2, works: { verify: verdict('rejected') } }, async (saga) => {
          down.answerWith(503);
          await start(saga, 'n1');
          await noticeFor(up, 'rejected');
          await until(() => down.asked.length > 0, 'it was asked');
          down.answerWith(200);
          await noticeFor(down, 'rejected');
          await quiet(saga);
          assert.is(up.asked.length, 1);
          assert.equal(down.taken, up.taken);
          assert.is(new Set(down.asked.map(({ id }) => id)).size, 1);
        });
      }),
    ),
  ));

test('notifications: a receiver that hangs delays no run', () =>
  notified({ works: { verify: verdict('rejected') } }, async (saga, receiver) => {
    receiver.answerWith(null);
    for (const runId of ['n1', 'n2', 'n3', 'n4', 'n5', 'n6']) {
      await start(saga, runId);
      await saga.event(pipelineEventSubject('rejected', runId));
    }
    assert.is(receiver.taken.length, 0);
    assert.ok(receiver.asked.length <= 4, `${receiver.asked.length}`);
    receiver.answerWith(204);
  }));

test('notifications: a slot after which no night ended in time is told once', () =>
  notified(
    {
      absent: ['collect'],
      pipeline: quickPipeline({ schedule: { cron: '* * * * * *', nightWithinMs: 1_500 } }),
    },
    async (saga, receiver) => {
      await applySchedules(saga.orchestrator);
      const { notice } = await noticeFor(receiver, 'missed-night');
      assert.match(notice.cause!, /^no night has ended since the slot .*: run slot-.* has not ended$/);
      assert.is(notice.title, 'face: a night did not happen');
      // Two more slots come and go.
      const heardAt = saga.events.length;
      const skipped = () =>
        saga.events.slice(heardAt).filter(({ subject }) => subject === scheduleEventSubject('decided', 'face')).length;
      await until(() => skipped() >= 2, 'two more slots');
      await quiet(saga);
      assert.is(receiver.taken.length, 1);
    },
  ));

test('notifications: a slot that was missed is told at once', () =>
  notified({}, async (saga, receiver) => {
    const entry = { slot: '2026-01-01T02:00:00.000Z', decision: 'missed', reason: 'nothing ran at the time' };
    const data = { model: 'face', ...entry, decidedAt: '2026-01-01T12:00:00.000Z', runId: null, end: null };
    await saga.bus.publish(scheduleEventSubject('decided', 'face'), data, { id: 'd1' });
    await saga.bus.publish(scheduleEventSubject('decided', 'face'), { ...data, decision: 'skipped' }, { id: 'd2' });
    const { notice } = await noticeFor(receiver, 'missed-night');
    await quiet(saga);
    assert.is(receiver.taken.length, 1);
    assert.match(notice.cause!, /was missed: nothing ran at the time/);
  }));

test.run();
