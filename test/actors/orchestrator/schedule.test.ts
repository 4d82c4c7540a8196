/** Schedules over a real server, told by public subjects alone. */
import { headers } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { applySchedules } from '../../../actors/orchestrator/schedule.ts';
import { endpointsOf } from '../../../actors/orchestrator/api.ts';
import { SlotDecidedSchema, type SlotEntry } from '../../../contracts/configuration/schedule.ts';
import {
  API,
  commandRefusedSubject,
  CTL,
  pipelineEventSubject,
  scheduleEventSubject,
  slotSubject,
} from '../../../contracts/subjects.ts';
import { quickPipeline, trivialWorks, withSaga, type Saga, type SagaOptions } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';
import { createGate, until } from '../../support/wait.ts';
import { clientOf } from '../../../infra/messaging/jetstream.ts';

const EVERY_SECOND = '* * * * * *';
const decided = (saga: Saga, fits: (entry: SlotEntry) => boolean) =>
  until(() => decisionsOf(saga).find(fits) ?? null, 'a decision about a slot');
const decisionsOf = ({ events }: Saga): SlotEntry[] =>
  events
    .filter(({ subject }) => subject === scheduleEventSubject('decided', 'face'))
    .map(({ envelope }) => SlotDecidedSchema.parse(envelope.data));

const scheduled = (schedule: object, use: (saga: Saga) => Promise<void>, options: SagaOptions = {}) =>
  withServer((server) =>
    withSaga(server, { ...options, pipeline: quickPipeline({ schedule }) }, async (saga) => {
      await applySchedules(saga.orchestrator);
      await use(saga);
    }),
  );

test('schedule: slots start runs by themselves, one each', () =>
  scheduled({ cron: EVERY_SECOND }, async (saga) => {
    const first = await decided(saga, ({ decision }) => decision === 'started');
    await saga.event(pipelineEventSubject('completed', first.runId!));
    const second = await decided(saga, ({ decision, slot }) => decision === 'started' && slot > first.slot);
    await saga.event(pipelineEventSubject('completed', second.runId!));
    const ids = await saga.storedIds();
    assert.is(new Set(ids).size, ids.length, ids.join('\n'));
    const answer = await endpointsOf(saga.orchestrator)[API.schedules]({});
    const remembered = answer.schedules[0]!.recent.find(({ slot }) => slot === first.slot);
    assert.is(remembered?.end, 'completed');
  }));

test('schedule: a schedule that somebody set in the server by hand starts runs, too', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      // As `nats pub nightshift.timer.cron.face '{}' --schedule-cron ... --schedule-dest ...` sends it.
      const meta = headers();
      meta.set('Nats-Schedule', '* * * * * *');
      meta.set('Nats-Schedule-Target', slotSubject('face'));
      await clientOf(saga.nc).publish('nightshift.timer.cron.face', '{}', { headers: meta });
      const { runId, slot } = await decided(saga, ({ decision }) => decision === 'started');
      assert.match(slot, /:\d\d\.000Z$/);
      await saga.event(pipelineEventSubject('completed', runId!));
    }),
  ));

test('schedule: with "buffer-one" a slot waits for the run under way', async () => {
  const hold = createGate();
  const collection: typeof trivialWorks.collect = async (...args) => {
    await hold.opened;
    return trivialWorks.collect(...args);
  };
  const schedule = { cron: EVERY_SECOND, overlap: 'buffer-one' };
  await scheduled(
    schedule,
    async (saga) => {
      const waiting = await decided(saga, ({ decision }) => decision === 'waiting');
      await decided(saga, ({ decision }) => decision === 'skipped');
      hold.open();
      await decided(saga, ({ decision, slot }) => decision === 'started' && slot === waiting.slot);
    },
    { works: { collect: collection } },
  );
});

test('schedule: with "cancel-other" a slot ends the run under way and takes its place', async () => {
  const hold = createGate();
  let held = false;
  const collection: typeof trivialWorks.collect = async (command, context) => {
    if (held) return trivialWorks.collect(command, context);
    held = true;
    await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
    hold.open();
    throw context.signal.reason;
  };
  const schedule = { cron: EVERY_SECOND, overlap: 'cancel-other' };
  await scheduled(
    schedule,
    async (saga) => {
      const first = await decided(saga, ({ decision }) => decision === 'started');
      await hold.opened;
      await saga.event(pipelineEventSubject('cancelled', first.runId!));
      await decided(saga, ({ decision, slot }) => decision === 'started' && slot > first.slot);
    },
    { works: { collect: collection } },
  );
});

test('schedule: operators pause and resume it; a model without a schedule is refused', () =>
  scheduled({ cron: EVERY_SECOND }, async (saga) => {
    await saga.bus.publish(CTL.schedulePause, { model: 'face', reason: 'holidays' }, { id: 'p1' });
    await saga.event(scheduleEventSubject('paused', 'face'));
    const skipped = await decided(saga, ({ decision }) => decision === 'skipped');
    assert.match(skipped.reason, /holidays/);
    await saga.bus.publish(CTL.scheduleResume, { model: 'face' }, { id: 'p2' });
    await saga.event(scheduleEventSubject('resumed', 'face'));
    await decided(saga, ({ decision, slot }) => decision === 'started' && slot > skipped.slot);
    await saga.bus.publish(CTL.schedulePause, { model: 'nobody' }, { id: 'p3' });
    const refused = await saga.event(commandRefusedSubject('p3'));
    assert.is((refused.envelope.data as { failure: { code: string } }).failure.code, 'SCHEDULE_UNKNOWN');
  }));

test('schedule: runs that fail in a row pause it', async () => {
  const collection = async () => {
    throw new Error('no disk');
  };
  const schedule = { cron: EVERY_SECOND, pauseAfterFailures: 2 };
  const pipeline = quickPipeline({ schedule, retry: { attemptsMax: 1 } });
  await withServer((server) =>
    withSaga(server, { works: { collect: collection }, pipeline }, async (saga) => {
      await applySchedules(saga.orchestrator);
      const { envelope } = await saga.event(scheduleEventSubject('paused', 'face'));
      assert.match((envelope.data as { reason: string }).reason, /2 scheduled runs in a row/);
    }),
  );
});

test.run();
