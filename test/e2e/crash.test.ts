/** Some of the points of `npm run test:crash`, of each kind and in each part of a run. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FAULT_POINTS } from '../../runtime/fault-points.ts';
import { KILLED_IN_FORGETTING, KILLED_IN_SWEEPS } from '../support/crash/names.ts';
import { crashPlan, judge, nameOf } from '../support/crash/plan.ts';
import { withCrashRig } from '../support/crash/rig.ts';
import { STORIES } from '../support/crash/stories.ts';

const CHOSEN: Readonly<Record<string, readonly string[]>> = {
  night: ['orchestrator orchestrator.carried-out@deploying.committing 1 ', 'trainer worker.stored@training-checkpoint'],
  cancelled: ['trainer message.handled@train-control ', 'orchestrator command.obeyed@nightshift.ctl.pipeline.start'],
  slot: ['orchestrator schedule.carried-out@face to decided, start, arm: start'],
};
/** A story that takes too long for here has this one. */
const ELSEWHERE = ['replica.refused', ...KILLED_IN_FORGETTING, ...KILLED_IN_SWEEPS];

test('crash: killed at a point of every kind, a run ends as if nothing had happened', () =>
  withCrashRig(async (rig) => {
    const points = new Set<string>(ELSEWHERE);
    for (const story of STORIES.filter(({ name }) => name in CHOSEN)) {
      const undisturbed = await rig.run(story, null);
      assert.is(undisturbed.stuck, null);
      const plan = crashPlan({ ...story, own: /./ }, undisturbed);
      for (const { point } of plan) points.add(point);
      for (const name of CHOSEN[story.name]!) {
        const crash = plan.find((it) => nameOf(it).startsWith(name));
        assert.ok(crash, `the plan has ${name}`);
        const { reached, lost, doubled, stuck } = judge(story, crash, undisturbed.traces, await rig.run(story, crash));
        assert.equal({ reached, lost, doubled, stuck }, { reached: true, lost: [], doubled: [], stuck: null }, name);
      }
    }
    assert.equal([...points].sort(), Object.keys(FAULT_POINTS).sort());
  }));

test.run();
