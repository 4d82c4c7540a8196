import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { merged } from '../../../console/pages/run-pages.ts';
import type { RunSummary } from '../../../contracts/api.ts';

const run = (runId: string, startedAt: string, state = 'completed'): RunSummary => ({
  ...{ runId, model: 'face', kind: 'night', state, status: 'done', startedAt, updatedAt: startedAt, failure: null },
});

test('console: pages of runs come together newest first, each run once, as it was seen last', () => {
  const older = [run('b', '2026-01-02'), run('a', '2026-01-01')];
  const newer = [run('c', '2026-01-03'), run('b', '2026-01-02', 'failed')];
  const all = merged(newer, older);
  assert.equal(
    all.map(({ runId, state }) => `${runId} ${state}`),
    ['c completed', 'b failed', 'a completed'],
  );
  assert.is(merged(newer, []), newer);
});

test.run();
