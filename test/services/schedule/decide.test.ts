/** The decisions of a schedule at each moment, without a server or a clock. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ScheduleConfigSchema, type ScheduleRecord } from '../../../contracts/configuration/schedule.ts';
import type { PipelineFact } from '../../../contracts/subjects.ts';
import {
  configured,
  named,
  newRecord,
  overtaken,
  pausedBy,
  resumed,
  runEnded,
  tick,
} from '../../../services/schedule/decide.ts';

const day = (n: number, clock = '02:00:00') => new Date(`2026-01-${String(n).padStart(2, '0')}T${clock}Z`);
const begun = (config: object = {}): ScheduleRecord => ({
  ...configured(
    newRecord('face', day(1, '00:00:00')),
    ScheduleConfigSchema.parse({ cron: '0 2 * * *', ...config }),
    day(1, '00:00:00'),
  ),
  outbox: [],
});
const at = (now: Date, activeRun: string | null = null) => ({ now, activeRun });
const settled = (record: ScheduleRecord): ScheduleRecord => ({ ...record, outbox: [] });
const decisions = ({ recent }: ScheduleRecord) =>
  recent.map(({ slot, decision }) => `${slot.slice(8, 10)} ${decision}`);
const kinds = ({ outbox }: ScheduleRecord) => outbox.map(({ kind }) => kind);

test('schedule: nothing is due before the slot; at the slot a run starts once and the next slot is armed', () => {
  const record = begun();
  assert.is(tick(record, at(day(1, '01:59:59'))), record);
  const next = tick(record, at(day(1)));
  assert.equal(decisions(next), ['01 started']);
  assert.equal(kinds(next), ['decided', 'start', 'arm']);
  assert.is(next.next, day(2).toISOString());
  assert.is(next.recent[0]!.runId, 'slot-20260101T020000-face');
  assert.is(tick(settled(next), at(day(1))).outbox.length, 0);
});

test('schedule: overlap "skip" says which run was in the way', () => {
  const next = tick(begun(), at(day(1), 'run-7'));
  assert.equal(decisions(next), ['01 skipped']);
  assert.match(next.recent[0]!.reason, /run-7/);
});

test('schedule: overlap "buffer-one" keeps one slot until the run ends, and skips the next', () => {
  const waiting = tick(begun({ overlap: 'buffer-one' }), at(day(1), 'run-7'));
  assert.equal(decisions(waiting), ['01 waiting']);
  const second = tick(settled(waiting), at(day(2), 'run-7'));
  assert.equal(decisions(second), ['01 waiting', '02 skipped']);
  const free = tick(settled(second), at(day(2, '03:00:00')));
  assert.equal(decisions(free), ['02 skipped', '01 started']);
  assert.is(free.waiting, null);
});

test('schedule: overlap "cancel-other" cancels the run and starts when it has ended', () => {
  const waiting = tick(begun({ overlap: 'cancel-other' }), at(day(1), 'run-7'));
  assert.equal(kinds(waiting), ['decided', 'cancel', 'arm']);
  assert.is(tick(settled(waiting), at(day(1, '02:00:01'), 'run-7')).outbox.length, 0);
  assert.equal(decisions(tick(settled(waiting), at(day(1, '02:00:02')))), ['01 started']);
});

test('schedule: a run that took the lock in between meets the policy', () => {
  const next = overtaken(settled(tick(begun(), at(day(1)))), day(1).toISOString(), at(day(1), 'run-7'));
  assert.equal(decisions(next), ['01 skipped']);
});

test('schedule: after a short absence the slot is made up for, after a long one it is recorded as missed', () => {
  assert.equal(decisions(tick(begun(), at(day(1, '07:59:00')))), ['01 started']);
  const late = tick(begun(), at(day(1, '09:00:00')));
  assert.equal(decisions(late), ['01 missed']);
  assert.match(late.recent[0]!.reason, /catchUpMs/);
});

test('schedule: of many slots missed the latest is made up for, and the others are counted', () => {
  const next = tick(begun(), at(day(20, '02:30:00')));
  assert.equal(decisions(next), ['01 missed', '20 started']);
  const { count, until } = next.recent[0]!;
  assert.equal([count, until], [19, day(19).toISOString()]);
  assert.is(next.next, day(21).toISOString());
});

test('schedule: years of missed seconds are told by their range, in bounded time', () => {
  const record = begun({ cron: '* * * * * *' });
  const next = tick(record, at(new Date('2028-01-01T00:00:00Z')));
  assert.is(next.recent.length, 2);
  assert.is(next.recent[0]!.count, 1_000);
});

test('schedule: outside the window a slot waits for its opening', () => {
  const record = begun({ window: { from: '22:00', to: '01:00' } });
  const waiting = tick(record, at(day(1)));
  assert.equal(waiting.waiting, { slot: day(1).toISOString(), dueAt: day(1, '22:00:00').toISOString() });
  assert.is(waiting.armed.dueAt, day(1, '22:00:00').toISOString());
  assert.is(tick(settled(waiting), at(day(1, '21:00:00'))).outbox.length, 0);
  const open = tick(settled(waiting), at(day(1, '22:00:00')));
  assert.equal(decisions(open), ['01 started']);
});

test('schedule: paused slots are skipped; resuming starts with the next slot', () => {
  const paused = pausedBy(begun(), 'holidays', 'c1', day(1, '01:00:00'));
  assert.is(pausedBy(paused, 'again', 'c1', day(1, '01:00:00')), paused, 'the same command twice');
  const skipped = tick(settled(paused), at(day(1)));
  assert.match(skipped.recent[0]!.reason, /holidays/);
  const again = resumed(settled(skipped), 'c2', day(3));
  assert.equal([again.paused, again.next], [null, day(4).toISOString()]);
});

test('schedule: failures in a row pause it; a good night or a resume begins the count anew', () => {
  const ends = (...facts: PipelineFact[]) => {
    let record = begun({ pauseAfterFailures: 2 });
    for (const [index, fact] of facts.entries()) {
      const started = tick(record, at(day(index + 1)));
      record = settled(runEnded(started, started.recent.at(-1)!.runId!, fact, day(index + 1, '03:00:00')));
    }
    return record;
  };
  assert.is(ends('failed', 'completed', 'failed').paused, null);
  assert.is(ends('failed', 'rejected', 'failed').paused, null);
  assert.is(ends('failed', 'unchanged', 'failed').paused, null);
  const paused = ends('failed', 'cancelled', 'rolled-back');
  assert.match(paused.paused!.reason, /2 scheduled runs in a row/);
  assert.is(resumed(paused, 'c', day(4, '00:00:00')).paused, null);
  const once = tick(settled(resumed(paused, 'c', day(4, '00:00:00'))), at(day(4)));
  assert.is(runEnded(once, once.recent.at(-1)!.runId!, 'failed', day(4, '03:00:00')).paused, null);
});

test('schedule: a slot that a message names starts a run once, also without a configuration', () => {
  const record = newRecord('face', day(1));
  const next = named(record, day(5), 'm1', at(day(5)));
  assert.equal(decisions(next), ['05 started']);
  assert.is(named(next, day(5), 'm1', at(day(5))), next);
  assert.is(named(next, day(5), 'm2', at(day(5))), next);
});

test('schedule: a changed configuration moves the next slot, an unchanged one only arms it again', () => {
  const record = begun();
  assert.equal(kinds(configured(record, record.config, day(1, '01:00:00'))), ['arm']);
  const moved = configured(record, { ...record.config!, cron: '0 5 * * *' }, day(1, '01:00:00'));
  assert.is(moved.next, day(1, '05:00:00').toISOString());
  const removed = configured(record, null, day(1, '01:00:00'));
  assert.equal([removed.next, ...kinds(removed)], [null, 'disarm']);
});

test('schedule: a slot after which no night has ended for too long is told once, until one ends', () => {
  const started = settled(tick(begun({ nightWithinMs: 6 * 3600_000 }), at(day(1))));
  assert.equal(started.awaited, { slot: day(1).toISOString(), told: false });
  assert.is(started.armed.dueAt, day(1, '08:00:00').toISOString());
  assert.is(tick(started, at(day(1, '07:59:59'))), started);
  const told = tick(started, at(day(1, '08:00:00')));
  assert.equal(kinds(told), ['overdue', 'arm']);
  const [overdue] = told.outbox;
  assert.match(overdue?.kind === 'overdue' ? overdue.reason : '', /run slot-20260101T020000-face has not ended/);
  assert.is(told.armed.dueAt, day(2).toISOString());
  const skipped = tick(settled(told), at(day(2), 'run-7'));
  assert.not.ok(kinds(tick(settled(skipped), at(day(2, '09:00:00'), 'run-7'))).includes('overdue'));
  const ended = runEnded(skipped, 'run-7', 'rejected', day(2, '10:00:00'));
  assert.is(ended.awaited, null);
});

test('schedule: a night that was cancelled did not happen; one that failed did', () => {
  const started = settled(tick(begun(), at(day(1))));
  const { runId } = started.recent[0]!;
  assert.ok(runEnded(started, runId!, 'cancelled', day(1, '03:00:00')).awaited);
  assert.is(runEnded(started, runId!, 'failed', day(1, '03:00:00')).awaited, null);
});

test('schedule: that a slot was missed is told by that very decision, and one without a run says why', () => {
  const missed = tick(begun(), at(day(1, '12:00:00')));
  assert.equal(decisions(missed), ['01 missed']);
  assert.is(missed.awaited, null);
  const paused = settled(pausedBy(begun({ nightWithinMs: 3600_000 }), 'holidays', 'p1', day(1, '01:00:00')));
  const told = tick(settled(tick(paused, at(day(1)))), at(day(1, '03:00:00')));
  const [overdue] = told.outbox;
  assert.match(overdue?.kind === 'overdue' ? overdue.reason : '', /no run began \(skipped: paused: holidays\)/);
});

test.run();
