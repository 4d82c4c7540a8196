/** Checkpoints kept in memory: what is kept, and that an outdated one never decides what becomes of a run. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openOrchestratorContext, type OrchestratorContext } from '../../../actors/orchestrator/context.ts';
import { applyEvent, beginRun } from '../../../actors/orchestrator/run-loop.ts';
import { createSavedRuns } from '../../../actors/orchestrator/saved-runs.ts';
import { commandSubject, STREAMS } from '../../../contracts/subjects.ts';
import { firstCheckpoint, statePath } from '../../../machines/step.ts';
import { allEvents, nightInput } from '../../support/runs.ts';
import { withSaga, type Saga } from '../../support/saga.ts';
import { testLogger, withServer, type TestServer } from '../../support/server.ts';

const saved = (runId: string, status: 'active' | 'done' = 'active') => {
  const value = firstCheckpoint(nightInput({ runId }), 'start', new Date(0));
  return { value: { ...value, status }, revision: 1 };
};

test('saved runs: a copy is handed out once, an ended run and the oldest beyond the bound are not kept', () => {
  const runs = createSavedRuns(2);
  for (const runId of ['a', 'b', 'a', 'c']) runs.keep(saved(runId));
  assert.is(runs.take('b'), null, 'a was saved after it');
  assert.is(runs.take('a')?.value.context.runId, 'a');
  assert.is(runs.take('a'), null);
  runs.keep(saved('c', 'done'));
  assert.is(runs.take('c'), null);
});

const eventOf = (type: string) => allEvents().find((event) => event.type === type)!; // All types are in the list.

/** Run r1 is begun by the first of two orchestrators, which keeps a copy, and goes on to training at the second. */
const withOutdatedCopy = (use: (saga: Saga, first: OrchestratorContext) => Promise<void>) =>
  withServer((server: TestServer) =>
    withSaga(server, { orchestrators: 0, replica: false, absent: ['collect', 'train'] }, async (saga) => {
      const first = saga.orchestrator;
      const second = await openOrchestratorContext(await server.connect('second'), first.local, testLogger());
      await beginRun(first, { runId: 'r1', messageId: 'm1', input: () => Promise.resolve(nightInput()) });
      const { checkpoint } = await applyEvent(second, 'r1', 'm2', eventOf('collect.completed'));
      assert.is(statePath(checkpoint.value), 'training.working.beating');
      await use(saga, first);
    }),
  );

test('saved runs: an event that means nothing to an outdated copy moves the run as it stands', () =>
  withOutdatedCopy(async (_saga, first) => {
    const { checkpoint, moved } = await applyEvent(first, 'r1', 'm3', eventOf('train.completed'));
    assert.ok(moved);
    assert.is(statePath(checkpoint.value), 'verifying.working.beating');
  }));

test('saved runs: an event that the other orchestrator has handled moves the run no further', () =>
  withOutdatedCopy(async (_saga, first) => {
    const { checkpoint, moved } = await applyEvent(first, 'r1', 'm2', eventOf('collect.completed'));
    assert.ok(moved, 'it did, at its first delivery');
    assert.is(checkpoint.transition, 2);
  }));

test('saved runs: what an outdated copy would lead to is never done', () =>
  withOutdatedCopy(async (saga, first) => {
    const { checkpoint } = await applyEvent(first, 'r1', 'm3', { type: 'operator.cancel' });
    assert.is(checkpoint.context.stage, 'train');
    assert.ok(await saga.bus.hasPending(STREAMS.commands, commandSubject('train', 'cancel', 'r1')));
    assert.not.ok(await saga.bus.hasPending(STREAMS.commands, commandSubject('collect', 'cancel', 'r1')));
  }));

test.run();
