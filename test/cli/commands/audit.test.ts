/** The times that `nightshift audit --since` understands. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sinceOf } from '../../../cli/commands/audit.ts';
import { failureOf } from '../../support/failures.ts';

const NOW = new Date('2026-02-10T12:00:00Z');

test('audit: a span counts back from now, and a date is itself', () => {
  const times: readonly (readonly [string, string])[] = [
    ['7d', '2026-02-03T12:00:00.000Z'],
    ['12h', '2026-02-10T00:00:00.000Z'],
    ['30m', '2026-02-10T11:30:00.000Z'],
    ['2026-01-31', '2026-01-31T00:00:00.000Z'],
  ];
  for (const [text, moment] of times) assert.is(sinceOf(text, NOW).toISOString(), moment, text);
});

test('audit: anything else is refused with what is expected', async () => {
  for (const text of ['yesterday', '7w', '-1d', '']) {
    const failure = await failureOf(async () => sinceOf(text, NOW));
    assert.is(failure.code, 'CONFIG_INVALID');
    assert.match(failure.message, /expected 7d, 12h, 30m/);
  }
});

test.run();
