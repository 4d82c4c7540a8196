/** Why a run waits: what is odd about its data, that somebody wants to be asked, who paused it, what could not be undone. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { holdsIn, reasonsOf } from '../../../console/run/reasons.ts';

const MEMORY = { plan: [], forkedFrom: null, lastVerdict: null };
const waiting = (state: string, more: object = {}) => ({
  ...{ state, failure: null, context: MEMORY, timeline: [] },
  ...more,
});
const entry = (cause: string, by: string | null) => ({
  ...{ transition: 1, at: '', cause, state: 'paused', attempt: 1, actor: 'operator', by, durationMs: null },
  failure: null,
});

test('reasons: data that is held back says why, and not that a candidate waits', () => {
  const context = { ...MEMORY, holds: ['source "helper" has 0 images and had 24', 'half of the people left', 7] };
  const shown = reasonsOf(waiting('awaitingApproval', { context }));
  assert.equal(shown, ['source "helper" has 0 images and had 24', 'half of the people left']);
  assert.equal(holdsIn(MEMORY), []);
});

test('reasons: a candidate that waits says that it must, and why its verification would let it in', () => {
  const verification = { verdict: 'inconclusive', admitted: true, reasons: ['too few strangers'] };
  const shown = reasonsOf(waiting('awaitingApproval', { context: { ...MEMORY, verification } }));
  assert.equal(shown.length, 2);
  assert.match(shown[0]!, /deployment\.approval\.required/);
  assert.is(shown[1], 'too few strangers');
});

test('reasons: a paused run names who paused it last; one that needs help says what failed', () => {
  const timeline = [entry('operator.pause', 'alice'), entry('operator.resume', 'bob'), entry('operator.pause', 'bob')];
  assert.equal(reasonsOf(waiting('paused', { timeline })), ['Paused by bob.']);
  assert.equal(reasonsOf(waiting('needsOperator', { failure: 'the record changed' })), ['the record changed']);
  assert.is(reasonsOf(waiting('needsOperator')).length, 1);
});

test.run();
