/** Timers whose orchestrator comes late, or whose machine's clock is wrong. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startOrchestrator } from '../../../actors/orchestrator/orchestrator.ts';
import { runKey } from '../../../actors/orchestrator/context.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { followServerClock } from '../../../infra/messaging/server-clock.ts';
import { statePath } from '../../../machines/step.ts';
import { quickPipeline, withSaga, type Saga } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';
import { withSteppedClock } from '../../support/stepped-clock.ts';
import { ended, hold, start, worksAfter } from '../../support/steering.ts';
import { until } from '../../support/wait.ts';

const GUARD_MS = 3_000;
const BACKOFF_MS = 3_000;
/** A back-off may be shortened by half; a step by a minute shortens it to nothing, or makes it a minute longer. */
const NOT_EARLY = 0.4;

/** How long the run stood in the state, by the server's clock. */
async function stayOf({ orchestrator }: Saga, runId: string, state: string): Promise<number> {
  const history = await orchestrator.runs.history(runKey(runId));
  const isIn = ({ value }: (typeof history)[number]) => statePath(value.value) === state;
  const first = history.findIndex(isIn);
  const left = history.slice(first).find((stored) => !isIn(stored));
  assert.ok(first >= 0 && left, `${runId} was in ${state} and left it`);
  return left.savedAt.getTime() - history[first]!.savedAt.getTime();
}

test('clock: set back and forth by a minute under a run, no timer comes early and none is lost', () =>
  withServer(async (server) => {
    const failed = new Set<string>();
    const works = worksAfter(async (stage, runId) => {
      if (stage !== 'train' || failed.has(runId)) return;
      failed.add(runId);
      throw new PipelineError('INTERNAL', 'broken once', { retryable: true });
    });
    const pipeline = quickPipeline({ deployment: { guardMs: GUARD_MS }, retry: { backoffMs: BACKOFF_MS } });
    await withSteppedClock(() =>
      withSaga(server, { works, pipeline }, async (saga) => {
        for (const runId of ['n1', 'n2']) {
          await start(saga, runId);
          await ended(saga, runId, 'completed');
          assert.ok((await stayOf(saga, runId, 'retrying')) > BACKOFF_MS * NOT_EARLY);
          assert.ok((await stayOf(saga, runId, 'deploying.guarding.watching')) > GUARD_MS * NOT_EARLY);
        }
      }),
    );
  }));

test('clock: the server is asked for its time, whatever the machine believes', () =>
  withServer(async (server) => {
    const nc = await server.connect('clock');
    const read = await withSteppedClock(() => followServerClock(nc, server.log));
    // Server and test share a machine, whose clock is right again.
    assert.ok(Math.abs(read().getTime() - Date.now()) < 30_000);
  }));

/** The orchestrator is away for so long; its clock is read to within half of that. */
const AWAY_MS = 1_000;

test('clock: a deadline counts from when its stage begins, not from when a late orchestrator was told', () =>
  withServer(async (server) => {
    const deployMs = 60_000;
    const { works, taken, release } = hold('verify');
    const options = { orchestrators: 0, works, pipeline: quickPipeline({ timeouts: { deployMs } }) };
    await withSaga(server, options, async (saga) => {
      const first = startOrchestrator(saga.orchestrator);
      await start(saga, 'n1');
      await until(() => taken.includes('n1'), 'the verification under way');
      await first.stop();
      release();
      await saga.event('nightshift.evt.verify.completed.n1');
      const toldAt = Date.now();
      await until(() => Date.now() - toldAt > AWAY_MS, 'some time without an orchestrator');
      const backAt = Date.now();
      const second = startOrchestrator(saga.orchestrator);
      await ended(saga, 'n1', 'completed');
      await second.stop();
      const history = await saga.orchestrator.runs.history(runKey('n1'));
      const effects = history.flatMap(({ value }) => value.outbox);
      const deadline = effects.find((it) => it.kind === 'timer.set' && it.timerId.includes('deployDeadline'));
      assert.ok(deadline?.kind === 'timer.set');
      assert.ok(Date.parse(deadline.dueAt) > backAt + deployMs - AWAY_MS / 2, deadline.dueAt);
    });
  }));

test.run();
