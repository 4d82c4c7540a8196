/** The decisions of the windows in a run: a guard that is breached, a canary that is, and one that is clean. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CTL, modelRolledBackSubject, pipelineEventSubject } from '../../../contracts/subjects.ts';
import { PipelineEventSchema } from '../../../contracts/messages.ts';
import type { ReleaseFigures } from '../../../contracts/replica.ts';
import { quickPipeline, withSaga, type Saga } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';

const servingOf = (requests: number, failed: number): ReleaseFigures => ({
  ...{ requests, failed },
  latencyMs: { p50: 1, p95: 2, p99: 3, max: 4 },
  scores: { count: requests, mean: 0.2, deviation: 0.1 },
});

async function night(saga: Saga, runId: string, end: 'completed' | 'failed' | 'rolled-back') {
  await saga.bus.publish(CTL.pipelineStart, { model: 'face', runId }, { id: `${runId}.start` });
  const { envelope } = await saga.event(pipelineEventSubject(end, runId));
  return PipelineEventSchema.parse(envelope.data);
}

const recordOf = async (saga: Saga) => (await saga.orchestrator.deployments.load('face'))!.value;
const contextOf = async (saga: Saga, runId: string) =>
  (await saga.orchestrator.runs.load(`run.${runId}`))!.value.context;

test('guard: a release that fails too many requests is rolled back by itself, with the figures as the reason', () =>
  withServer((server) =>
    withSaga(
      server,
      {
        pipeline: quickPipeline({ deployment: { guardMs: 500 } }),
        figures: ({ current }) => ({ figures: servingOf(100, current?.runId === 'n2' ? 30 : 0) }),
      },
      async (saga) => {
        await night(saga, 'n1', 'completed');
        const guard = (await contextOf(saga, 'n1')).windows.guard;
        assert.equal([guard?.requests, guard?.failed], [100, 0]);
        const { failure } = await night(saga, 'n2', 'rolled-back');
        assert.is(failure?.code, 'GUARD_BREACHED');
        assert.match(failure?.message ?? '', /^release 2 failed 30 of 100 requests \(30\.00 %\); at most 1\.00 %/);
        await saga.event(modelRolledBackSubject('face'));
        const { current, ledger } = await recordOf(saga);
        assert.equal([current?.release, current?.runId], [3, 'n1']);
        assert.equal([ledger.at(-1)?.reason, ledger.at(-1)?.why], ['guard', failure?.message]);
      },
    ),
  ));

const canary = (windowMs: number) =>
  quickPipeline({ deployment: { guardMs: 0, strategy: 'canary', canary: { windowMs } } });

test('canary: a first release is not tried, a clean candidate is committed with what was watched', () =>
  withServer((server) =>
    withSaga(
      server,
      {
        pipeline: canary(100),
        figures: ({ announced }) =>
          announced?.canary
            ? { figures: servingOf(900, 1), canary: { runId: announced.runId, figures: servingOf(100, 0) } }
            : {},
      },
      async (saga) => {
        await night(saga, 'n1', 'completed');
        assert.is((await contextOf(saga, 'n1')).windows.canary, null);
        await night(saga, 'n2', 'completed');
        const { windows } = await contextOf(saga, 'n2');
        assert.equal([windows.canary?.requests, windows.canary?.failed, windows.canary?.scoreShift], [100, 0, 0]);
        assert.equal((await recordOf(saga)).current?.release, 2);
      },
    ),
  ));

test('canary: a breach withdraws the candidate before its window is over, and nothing is committed', () =>
  withServer((server) =>
    withSaga(
      server,
      {
        pipeline: canary(3_600_000),
        figures: ({ announced }) =>
          announced?.canary ? { canary: { runId: announced.runId, figures: servingOf(50, 5) } } : {},
      },
      async (saga) => {
        await night(saga, 'n1', 'completed');
        const { failure } = await night(saga, 'n2', 'failed');
        assert.is(failure?.code, 'GUARD_BREACHED');
        assert.match(failure?.message ?? '', /^the canary of run n2 failed 5 of 50 requests/);
        const { current, announced, ledger } = await recordOf(saga);
        assert.equal([current?.runId, announced, ledger.length], ['n1', null, 1]);
      },
    ),
  ));

test.run();
