/** Holds what a server stores of runs against what should have happened: everything once. */
import * as assert from 'uvu/assert';
import type { Saga } from './saga.ts';
import { stateOf } from './steering.ts';
import { until } from './wait.ts';

/** Each message comes again some seconds later where nobody could take it. */
const ENDS_MS = 120_000;

export const ends = (saga: Saga, runId: string) =>
  until(
    // While nobody answers, it is asked again.
    async () => (await stateOf(saga, runId).catch(() => null)) === 'completed',
    `${runId} completed`,
    ENDS_MS,
  );

/** So many runs of the model "face" completed, each thing was said once, and each was deployed once. */
export async function assertOnce(saga: Saga, runs: number): Promise<void> {
  const ids = await saga.storedIds();
  assert.is(new Set(ids).size, ids.length);
  const subjects = (await saga.storedEvents()).map(({ subject }) => subject);
  assert.is(subjects.filter((subject) => subject.includes('.pipeline.completed.')).length, runs);
  assert.is(subjects.filter((subject) => subject.includes('.train.completed.')).length, runs);
  assert.is((await saga.orchestrator.deployments.load('face'))?.value.releaseMax, runs);
}
