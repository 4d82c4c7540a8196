/** The configuration in the system: applied, stale, rolled back and removed, by operators and over a real server. */
import { randomUUID } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { endpointsOf } from '../../../actors/orchestrator/api.ts';
import { startOrchestrator } from '../../../actors/orchestrator/orchestrator.ts';
import { openOrchestratorContext } from '../../../actors/orchestrator/context.ts';
import { applySchedules } from '../../../actors/orchestrator/schedule.ts';
import { apiOfCommand, API, BUCKETS, CTL } from '../../../contracts/subjects.ts';
import { openKv } from '../../../infra/stores/record-store.ts';
import { failureOf } from '../../support/failures.ts';
import { quickPipeline, withSaga, type Saga } from '../../support/saga.ts';
import { testLogger, withServer } from '../../support/server.ts';
import { contextOf, ended, hold, start, tell } from '../../support/steering.ts';

const NIGHTLY = { cron: '0 2 * * *' };
const epochs = (count: number, more: object = {}) => quickPipeline({ training: { epochs: count }, ...more });
const apply = (saga: Saga, pipeline: object, expected: number, id?: string) =>
  tell(saga, CTL.configApply, { model: 'face', pipeline, expected }, id);
const historyOf = async (saga: Saga, model = 'face') =>
  (await endpointsOf(saga.orchestrator)[API.configHistory]({ model })).revisions;
const scheduleOf = async (saga: Saga) => (await saga.orchestrator.schedules.load('face'))?.value ?? null;

test('configuration: a change is a revision of its model, with who made it and why, and a line of the audit log', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      const data = { model: 'face', pipeline: epochs(7), expected: 1, reason: 'it learns too little' };
      const { changed, revision } = await tell(saga, CTL.configApply, data, 'a1');
      assert.equal([changed, revision], [true, 2]);
      const [newest, first] = await historyOf(saga);
      assert.equal([newest?.by, newest?.verb, newest?.reason], ['anonymous', 'apply', 'it learns too little']);
      assert.is(first?.revision, 1);
      const { entries } = await endpointsOf(saga.orchestrator)[API.audit]({});
      const { action, about, reason } = entries[0]!; // The command was answered, so its line is there.
      assert.equal([action, about, reason], ['config.apply', { model: 'face', expected: 1 }, data.reason]);
      const { pipeline } = await endpointsOf(saga.orchestrator)[API.configShow]({ model: 'face', revision: 1 });
      assert.not.equal(pipeline?.training.epochs, 7);
    }),
  ));

test('configuration: the same again makes no revision, and neither does a command that comes twice', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      assert.is((await apply(saga, epochs(7), 1, 'a1')).revision, 2);
      const again = await apply(saga, epochs(7), 2);
      assert.equal([again.changed, again.revision], [false, 2]);
      await apply(saga, epochs(8), 2);
      // As after a crash before the acknowledgement, with another id in the stream.
      const handed = await endpointsOf(saga.orchestrator)[apiOfCommand(CTL.configApply)]({
        ...{ model: 'face', pipeline: epochs(8), expected: 3 },
      });
      assert.equal([handed.changed, handed.revision], [false, 3]);
      assert.is((await historyOf(saga)).length, 3);
    }),
  ));

test('configuration: two operators who saw the same revision do not overwrite each other', () =>
  withServer((server) =>
    withSaga(server, { orchestrators: 2 }, async (saga) => {
      const both = await Promise.allSettled([apply(saga, epochs(7), 1), apply(saga, epochs(8), 1)]);
      const refused = both.filter((it) => it.status === 'rejected');
      assert.is(refused.length, 1);
      const { code, message } = refused[0]!.reason as { code: string; message: string };
      assert.is(code, 'CONFIG_STALE');
      assert.match(message, /revision 1 counted when .* revision 2 counts now, of anonymous at .*config show face/);
      assert.is((await historyOf(saga)).length, 2);
    }),
  ));

test('configuration: what does not fit is refused, each problem with its path, and nothing is changed', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      const twice = [
        { type: 'local', name: 'a' },
        { type: 'local', name: 'a' },
      ];
      const cases: readonly (readonly [object, string, RegExp])[] = [
        [
          { ...epochs(5), epochs: 3, image: { depth: 3 } },
          'MESSAGE_MALFORMED',
          /pipeline\.image\.depth: there is no such setting; pipeline\.epochs: there is no such setting/,
        ],
        [
          { ...epochs(5), retry: { attemptsMax: 0 }, timeouts: { trainMs: -1 } },
          'MESSAGE_MALFORMED',
          /pipeline\.timeouts\.trainMs: .*pipeline\.retry\.attemptsMax: /,
        ],
        [
          { ...epochs(5), training: { command: { argv: ['sh'] } } },
          'MESSAGE_MALFORMED',
          /pipeline\.training\.command\.argv: no message carries this/,
        ],
        [epochs(5, { schedule: { cron: 'never' } }), 'CONFIG_INVALID', /models\.face\.schedule: "never"/],
        [epochs(5, { sources: twice }), 'CONFIG_INVALID', /models\.face\.sources: two sources are called "a"/],
      ];
      for (const [pipeline, code, message] of cases) {
        const failure = await failureOf(() => apply(saga, pipeline, 1));
        assert.is(failure.code, code);
        assert.match(failure.message, message);
      }
      assert.is((await historyOf(saga)).length, 1);
    }),
  ));

test('configuration: a change while a run is under way concerns the next run', () => {
  const training = hold('train');
  return withServer((server) =>
    withSaga(server, { works: training.works, pipeline: epochs(5) }, async (saga) => {
      await start(saga, 'n1');
      await apply(saga, epochs(6), 1);
      training.release();
      await ended(saga, 'n1', 'completed');
      assert.is((await contextOf(saga, 'n1')).pipeline.training.epochs, 5);
      await start(saga, 'n2');
      await ended(saga, 'n2', 'completed');
      assert.is((await contextOf(saga, 'n2')).pipeline.training.epochs, 6);
    }),
  );
});

test('configuration: a schedule changes at once, ends at once, and comes back with a rollback', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      assert.is(await scheduleOf(saga), null);
      await apply(saga, epochs(5, { schedule: NIGHTLY }), 1);
      const first = await scheduleOf(saga);
      assert.match(`${first?.next}`, /T02:00:00/);
      assert.is(first?.armed.dueAt, first?.next);
      await apply(saga, epochs(5, { schedule: { cron: '0 4 * * *' } }), 2);
      assert.match(`${(await scheduleOf(saga))?.armed.dueAt}`, /T04:00:00/);
      await apply(saga, epochs(5), 3);
      const over = await scheduleOf(saga);
      assert.equal([over?.config, over?.next, over?.armed.dueAt], [null, null, null]);
      const back = await tell(saga, CTL.configRollback, { model: 'face', revision: 2, expected: 4 });
      assert.is(back.revision, 5);
      assert.match(`${(await scheduleOf(saga))?.armed.dueAt}`, /T02:00:00/);
      const [newest] = await historyOf(saga);
      assert.equal([newest?.verb, newest?.from], ['rollback', 2]);
    }),
  ));

test('configuration: a rollback to what is not there, or upon what was not seen, is refused', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      await apply(saga, epochs(7), 1);
      const codeOf = async (data: object) =>
        (await failureOf(() => tell(saga, CTL.configRollback, { model: 'face', revision: 1, expected: 2, ...data })))
          .code;
      assert.is(await codeOf({ revision: 9 }), 'CONFIG_UNKNOWN');
      assert.is(await codeOf({ model: 'cats' }), 'MODEL_UNKNOWN');
      assert.is(await codeOf({ expected: 1 }), 'CONFIG_STALE');
      await tell(saga, CTL.configRemove, { model: 'face', expected: 2 });
      assert.is(await codeOf({ revision: 3, expected: 3 }), 'COMMAND_NOT_APPLICABLE');
      assert.is((await historyOf(saga)).length, 3);
    }),
  ));

test('configuration: a model that is removed starts no run, has no schedule, and keeps its history', () =>
  withServer((server) =>
    withSaga(server, { pipeline: epochs(5, { schedule: NIGHTLY }) }, async (saga) => {
      await applySchedules(saga.orchestrator);
      const data = { model: 'face', expected: 1, reason: 'the door is walled up' };
      assert.is((await tell(saga, CTL.configRemove, data)).revision, 2);
      assert.is((await scheduleOf(saga))?.armed.dueAt, null);
      const failure = await failureOf(() => tell(saga, CTL.pipelineStart, { model: 'face' }));
      assert.equal([failure.code, failure.message.includes('nightshift apply')], ['MODEL_UNKNOWN', true]);
      assert.equal((await endpointsOf(saga.orchestrator)[API.status]({})).models, []);
      assert.is((await historyOf(saga))[0]?.removed, true);
      assert.is((await tell(saga, CTL.configRollback, { model: 'face', revision: 1, expected: 2 })).revision, 3);
      assert.match(`${(await scheduleOf(saga))?.armed.dueAt}`, /T02:00:00/);
    }),
  ));

test('configuration: an orchestrator that starts anew goes by the record, and ends no schedule', () =>
  withServer((server) =>
    withSaga(server, { orchestrators: 0 }, async (saga) => {
      const first = startOrchestrator(saga.orchestrator);
      await apply(saga, epochs(9, { schedule: NIGHTLY }), 1);
      await first.stop();
      // A file without any model, as that of a colleague.
      const { local } = saga.orchestrator;
      const again = await openOrchestratorContext(
        await server.connect('again'),
        { ...local, pipelines: {} },
        testLogger(),
      );
      await applySchedules(again);
      const second = startOrchestrator(again);
      try {
        assert.match(`${(await scheduleOf(saga))?.armed.dueAt}`, /T02:00:00/);
        await start(saga, 'n1');
        await ended(saga, 'n1', 'completed');
        assert.is((await contextOf(saga, 'n1')).pipeline.training.epochs, 9);
      } finally {
        await second.stop();
      }
    }),
  ));

test('configuration: a damaged record starts no run, says so in the status, and an earlier revision mends it', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      await apply(saga, epochs(7), 1);
      const kv = await openKv(saga.nc, BUCKETS.config);
      const text = (await kv.get('face'))!.string(); // It was just saved.
      await kv.put('face', text.replace('"epochs":7', '"epochs":8'));
      const failure = await failureOf(() => tell(saga, CTL.pipelineStart, { model: 'face', runId: randomUUID() }));
      assert.is(failure.code, 'RECORD_DAMAGED');
      assert.match(failure.message, /checksum differs; `nightshift config history face`.*config rollback/);
      const { models } = await endpointsOf(saga.orchestrator)[API.status]({});
      assert.match(`${models[0]?.alarms.join()}`, /^no run can start: RECORD_DAMAGED/);
      const { revision } = await tell(saga, CTL.configRollback, { model: 'face', revision: 2, expected: 2 });
      assert.is(revision, 3);
      await start(saga, 'n1');
      await ended(saga, 'n1', 'completed');
      assert.is((await contextOf(saga, 'n1')).pipeline.training.epochs, 7);
    }),
  ));

test.run();
