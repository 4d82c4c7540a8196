/** Slots across daylight saving, in two zones and at both edges. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ScheduleConfigSchema, type ScheduleConfig } from '../../../contracts/configuration/schedule.ts';
import { checkSchedule, lastSlot, nextSlot, opening, upcoming } from '../../../services/schedule/slots.ts';

const schedule = (cron: string, timeZone: string, window?: ScheduleConfig['window']) =>
  ScheduleConfigSchema.parse({ cron, timeZone, window });
const slots = (config: ScheduleConfig, from: string, count: number) =>
  upcoming(config, count, new Date(from)).map((slot) => slot.toISOString().slice(0, 16));

const EDGES = [
  ['Europe/Berlin', '30 2 * * *', '2026-03-27T12:00Z', ['03-28T01:30', '03-29T01:00', '03-30T00:30']],
  ['Europe/Berlin', '30 2 * * *', '2026-10-23T12:00Z', ['10-24T00:30', '10-25T00:30', '10-26T01:30']],
  ['America/New_York', '30 2 * * *', '2026-03-06T12:00Z', ['03-07T07:30', '03-08T07:00', '03-09T06:30']],
  ['America/New_York', '30 1 * * *', '2026-10-30T12:00Z', ['10-31T05:30', '11-01T05:30', '11-02T06:30']],
] as const;
for (const [zone, cron, from, expected] of EDGES) {
  test(`slots: "${cron}" in ${zone} after ${from} comes once each night`, () => {
    assert.equal(
      slots(schedule(cron, zone), from, 3),
      expected.map((slot) => `2026-${slot}`),
    );
  });
}

test('slots: every hour stays every hour when the clocks change', () => {
  for (const from of ['2026-03-28T22:00Z', '2026-10-24T22:00Z']) {
    const hours = upcoming(schedule('0 * * * *', 'Europe/Berlin'), 6, new Date(from)).map((slot) => slot.getTime());
    assert.equal(
      hours.slice(1).map((hour, index) => hour - hours[index]!),
      Array(5).fill(3600_000),
    );
  }
});

test('slots: the next is after, the last at or before a moment', () => {
  const config = schedule('0 2 * * *', 'UTC');
  const slot = new Date('2026-01-02T02:00:00Z');
  assert.is(nextSlot(config, slot)?.toISOString(), '2026-01-03T02:00:00.000Z');
  assert.is(lastSlot(config, slot)?.toISOString(), '2026-01-02T02:00:00.000Z');
  assert.is(lastSlot(config, new Date(slot.getTime() - 1))?.toISOString(), '2026-01-01T02:00:00.000Z');
});

test('slots: a window that passes midnight is open on both sides of it', () => {
  const config = schedule('0 * * * *', 'Europe/Berlin', { from: '22:00', to: '06:00' });
  const opens = (moment: string) => opening(config, new Date(moment))?.toISOString() ?? null;
  assert.is(opens('2026-01-01T21:00:00Z'), null);
  assert.is(opens('2026-01-01T04:59:00Z'), null);
  assert.is(opens('2026-01-01T05:00:00Z'), '2026-01-01T21:00:00.000Z');
  assert.is(opens('2026-01-01T20:59:59Z'), '2026-01-01T21:00:00.000Z');
});

test('slots: what cannot be read is refused with what is wrong', () => {
  const refused = (cron: string, timeZone: string) => {
    try {
      checkSchedule('face', schedule(cron, timeZone));
    } catch (error) {
      return `${(error as { code: string }).code} ${(error as Error).message}`;
    }
    return 'accepted';
  };
  assert.is(refused('0 2 * * *', 'Europe/Berlin'), 'accepted');
  assert.match(refused('61 * * * *', 'UTC'), /CONFIG_INVALID models\.face\.schedule: "61 \* \* \* \*".*minute/);
  assert.match(refused('0 2 * * *', 'Mars/Base'), /CONFIG_INVALID .*Mars\/Base/);
  assert.match(refused('0 0 30 2 *', 'UTC'), /never|no moment/);
});

test.run();
