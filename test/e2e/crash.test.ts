/** Some of the points of `npm run test:crash`, one of each kind. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FAULT_POINTS } from '../../infra/fault-points.ts';
import { nightWith } from '../support/crash.ts';
import { crashPlan, judge } from '../support/crash-plan.ts';

const undisturbed = await nightWith(null);
const plan = crashPlan(undisturbed);

test('crash: the plan has every named point', () => {
  assert.is(undisturbed.stuck, null);
  assert.equal([...new Set(plan.map(({ point }) => point))].sort(), Object.keys(FAULT_POINTS).sort());
});

const CHOSEN = [
  ['orchestrator.carried-out', 'deploying.committing 1 '],
  ['worker.stored', 'training-checkpoint'],
  ['worker.published', '.verification.'],
] as const;
for (const [point, where] of CHOSEN) {
  test(`crash: killed at ${point}@${where}, the night ends as if nothing had happened`, async () => {
    const crash = plan.find((it) => it.point === point && it.where.includes(where));
    assert.ok(crash, 'the plan has the point');
    const { reached, lost, doubled, stuck } = judge(crash, undisturbed.traces, await nightWith(crash));
    assert.equal({ reached, lost, doubled, stuck }, { reached: true, lost: [], doubled: [], stuck: null });
  });
}

test.run();
