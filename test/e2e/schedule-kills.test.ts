/** A small version of `npm run soak`: no slot is lost or doubled though orchestrator and server are killed with -9. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { soakSchedule } from '../support/schedule-soak.ts';

test('schedule: every slot is accounted for once though orchestrator and server are killed between slots', async () => {
  const report = await soakSchedule({ slots: 40, slotMs: 250, killOrchestratorEvery: 12, killServerEvery: 17 });
  assert.equal(report.kills, { orchestrator: 3, server: 2 });
  assert.is(report.lost, 0, JSON.stringify(report));
  assert.is(report.doubled, 0, JSON.stringify(report));
  assert.is(report.started + report.skipped + report.missed, 40);
  assert.ok(report.started > 0);
});

test.run();
