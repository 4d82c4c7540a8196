import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ModelHost } from '../../../services/serving/strategy.ts';
import { latencyOf, measurePerformance, performanceImages } from '../../../services/verification/performance.ts';
import { tinySplit } from '../../support/tiny-data.ts';
import { recordWork } from '../../support/work.ts';

test('performance: latency quantiles are by nearest rank', () => {
  const durations = Array.from({ length: 200 }, (_, i) => 200 - i);
  assert.equal(latencyOf(durations), { p50: 100, p95: 190, p99: 198, max: 200 });
  assert.equal(latencyOf([7]), { p50: 7, p95: 7, p99: 7, max: 7 });
});

/** Answers at once, and moves the clock by what a request takes. */
const hostOf = (name: string, asked: string[], takes: () => void): Pick<ModelHost, 'embed'> => ({
  embed: async () => {
    asked.push(name);
    takes();
    return Float32Array.of(1);
  },
});

test('performance: two models take turns, and each has its own figures', async () => {
  const asked: string[] = [];
  let clock = 0;
  const hosts = [hostOf('slow', asked, () => (clock += 20)), hostOf('fast', asked, () => (clock += 2))];
  const work = recordWork();
  const options = { requests: 10, images: tinySplit(3, 3) };
  const [slow, fast] = await measurePerformance(hosts, options, { ...work, now: () => clock });
  assert.is(slow!.latencyMs.p50, 20);
  assert.is(fast!.latencyMs.p50, 2);
  assert.is(fast!.imagesPerSecond, 500);
  const timed = asked.slice(20, 40);
  assert.ok(timed.every((name, index) => name === (index % 2 === 0 ? 'slow' : 'fast')));
  assert.is(asked.length, 2 * performanceImages(10));
  assert.is(work.reports.at(-1)?.fraction, 1);
});

test.run();
