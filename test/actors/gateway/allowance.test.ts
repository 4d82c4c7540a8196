/** So many requests in a second of each caller: a burst, then the rate; the time to wait; and bounded memory. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Allowance, networkOf } from '../../../actors/gateway/allowance.ts';
import { PipelineError } from '../../../contracts/errors.ts';

const PER_SECOND = 10;

/** Whether it is let in; else after how many milliseconds. */
function tried(allowance: Allowance, caller: string): true | number {
  try {
    allowance.take(caller);
    return true;
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code !== 'OVERLOADED') throw error;
    return error.retryAfterMs!; // It says so each time.
  }
}

test('allowance: two seconds at once, then as many as the rate lets, and the time to wait is true', () => {
  const clock = { ms: 0 };
  const allowance = new Allowance(PER_SECOND, () => clock.ms);
  for (let i = 0; i < 2 * PER_SECOND; i++) assert.is(tried(allowance, 'door'), true);
  assert.is(tried(allowance, 'door'), 100);
  assert.is(tried(allowance, 'other'), true, 'nobody else is concerned');
  clock.ms += 60;
  assert.is(tried(allowance, 'door'), 40);
  clock.ms += 40;
  assert.is(tried(allowance, 'door'), true);
  assert.is(tried(allowance, 'door'), 100);
  clock.ms += 3_600_000;
  const letIn = Array.from({ length: 3 * PER_SECOND }, () => tried(allowance, 'door')).filter((it) => it === true);
  assert.is(letIn.length, 2 * PER_SECOND, 'no more is saved up than two seconds');
});

test('allowance: many callers take no more memory than few, and one that goes on sending is not forgotten', () => {
  const allowance = new Allowance(PER_SECOND, () => 0);
  for (let i = 0; i < 2 * PER_SECOND; i++) tried(allowance, 'flood');
  for (let i = 0; i < 50_000; i++) {
    tried(allowance, `10.0.${i >> 8}.${i & 255}`);
    if (i % 1_000 === 0) assert.is(tried(allowance, 'flood'), 100);
  }
  assert.is(allowance.kept, 4_096);
});

test('allowance: an address of IPv6 counts as its network, an old one in new clothes as itself', () => {
  assert.is(networkOf('192.0.2.7'), '192.0.2.7');
  assert.is(networkOf('::ffff:192.0.2.7'), '192.0.2.7');
  assert.is(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::');
  assert.is(networkOf('2001:db8:1:2::9'), '2001:db8:1:2::');
  assert.is(networkOf('::1'), '::');
  assert.is(networkOf(undefined), 'gone', 'it has hung up');
});

test.run();
