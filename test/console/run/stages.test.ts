import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stageBars } from '../../../console/run/stages.ts';
import { statesOf } from '../../../console/run/way.ts';
import type { TimelineEntry } from '../../../contracts/api.ts';

const NOW = Date.parse('2026-11-26T03:00:10.000Z');
const entry = (state: string, over: Partial<TimelineEntry> = {}): TimelineEntry => ({
  ...{ transition: 1, at: '2026-11-26T03:00:00.000Z', cause: 'started', state, attempt: 1, actor: 'timer', by: null },
  ...{ durationMs: 100, failure: null, ...over },
});
const failure = { code: 'INTERNAL' as const, message: 'broken', retryable: true };
const shown = (timeline: readonly TimelineEntry[]) =>
  stageBars(timeline, NOW).map((it) =>
    `${it.stage} ${it.status} ${it.attempts} ${it.durationMs} ${it.failure ?? ''}`.trim(),
  );

test('console: a stage that is tried again says which attempt it is and why the last one failed', () => {
  const timeline = [
    entry('collecting.working.beating'),
    entry('training.working.beating'),
    entry('retrying', { cause: 'train.failed', failure }),
    entry('training.working.beating', { attempt: 2, durationMs: null }),
  ];
  assert.equal(shown(timeline), [
    'collect done 1 100',
    'train active 2 10100 broken [INTERNAL]',
    'verify waiting 0 0',
    'deploy waiting 0 0',
  ]);
  assert.is(shown(timeline.slice(0, 3))[1], 'train failed 1 100 broken [INTERNAL]');
});

test('console: a run that waits for approval has verified and not deployed; one that is undone failed in its stage', () => {
  const verified = [entry('verifying.working.beating'), entry('awaitingApproval', { durationMs: null })];
  assert.equal(shown(verified).slice(2), ['verify done 1 100', 'deploy waiting 0 0']);
  const broken = [entry('deploying.preparing'), entry('withdrawing'), entry('compensating.deciding', { failure })];
  assert.is(shown(broken)[3], 'deploy failed 1 200 broken [INTERNAL]');
  const paused = [entry('training.working.beating'), entry('paused', { durationMs: null })];
  assert.is(shown(paused)[1], 'train active 1 100');
});

test('console: the way through the chart has each state once, whatever happens within it', () => {
  const states = [
    'collecting.working.beating',
    'collecting.asking',
    'training.working.beating',
    'retrying',
    'training.x',
  ];
  assert.equal(statesOf(states.map((state) => entry(state))), ['collecting', 'training', 'retrying', 'training']);
});

test.run();
