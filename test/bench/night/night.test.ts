/** The night bench: its figures from known requests, and a short night under load. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { figuresOf, type Asked, type Period } from '../../../bench/night/figures.ts';
import { runNightBench } from '../../../bench/night/night.ts';
import { STAGES } from '../../../contracts/subjects.ts';

const asked = (period: Period, ...latenciesMs: (number | null)[]): Asked[] =>
  latenciesMs.map((latencyMs) => ({ period, latencyMs }));

test('night bench: ratios are of the 99th percentiles, failures count apart, the training by its medians', () => {
  const figures = figuresOf(
    [
      ...asked('warm-up', 500),
      ...asked('steady', 1, 2, 3, 4),
      ...asked('collect', 4, 2),
      ...asked('train', 12, null),
      ...asked('verify', 6),
      ...asked('deploy', 8),
      ...asked('guard', 900),
    ],
    { loadedMs: [300, 100, 200], quietMs: [100, 60] },
  );
  assert.equal(figures.ratio, { collect: 1, train: 3, verify: 1.5, deploy: 2 });
  assert.equal(figures.latencyMs.steady, { requests: 4, failed: 0, p50Ms: 3, p99Ms: 4, maxMs: 4 });
  assert.equal([figures.latencyMs.train.requests, figures.latencyMs.train.failed], [2, 1]);
  assert.equal(figures.trainMs, { loaded: 200, quiet: 80 });
  assert.is(figures.trainSlowdown, 2.5);
});

test('night bench: a short night under load answers in every stage', async () => {
  const size = { people: 6, epochs: 2, replicas: 1, rate: 50, steadySeconds: 1, nights: 1 };
  const { latencyMs, ratio, trainSlowdown } = await runNightBench({ ...size, json: true });
  for (const period of ['steady', ...STAGES] as const) {
    assert.ok(latencyMs[period].requests > 0, `${period}: ${JSON.stringify(latencyMs)}`);
    assert.is(latencyMs[period].failed, 0, period);
  }
  for (const stage of STAGES) assert.ok(ratio[stage] > 0, stage);
  assert.ok(trainSlowdown > 0, `${trainSlowdown}`);
});

test.run();
