/** A small version of `npm run soak`: the nats-server is killed in the middle of runs, and nothing is lost or doubled. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { soakCrowd } from '../support/crowd-soak.ts';
import { soakServer } from '../support/server-soak.ts';

test('saga: every run completes once though the server is killed in the middle of it', async () => {
  const report = await soakServer({ runs: 4, orchestrators: 2 });
  assert.equal(report, { runs: 4, kills: 4, stuck: 0, lost: 0, doubled: 0 });
});

test('saga: three orchestrators share thirty runs; no command has an effect twice', async () => {
  const { conflicts, transitions, seconds, ...account } = await soakCrowd({ runs: 30, orchestrators: 3 });
  assert.equal(account, { runs: 30, orchestrators: 3, stuck: 0, lost: 0, doubled: 0 });
  assert.ok(transitions > 30 && seconds > 0 && conflicts >= 0);
});

test.run();
