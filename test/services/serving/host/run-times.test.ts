import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RunTimes } from '../../../../services/serving/host/run-times.ts';

test('run times: nothing is expected before the first run, which may take a minute', () => {
  const times = new RunTimes();
  assert.is(times.expectedMs(10), 0);
  assert.is(times.limitMs(1, 500), 60_000);
});

test('run times: steady runs are expected to go on so, and to hang at ten times that', () => {
  const times = new RunTimes();
  for (let run = 0; run < 100; run++) times.note(4, 80);
  assert.ok(Math.abs(times.expectedMs(8) - 160) < 1e-6);
  const limitMs = times.limitMs(8, 500);
  assert.ok(Math.abs(limitMs - 1600) < 1, `limit ${limitMs} ms`);
  assert.is(times.limitMs(1, 500), 500, 'never below the least');
});

test('run times: times that vary widen the limit, and a single slow run is soon forgotten', () => {
  const [steady, varying] = [new RunTimes(), new RunTimes()];
  for (let run = 0; run < 100; run++) {
    steady.note(1, 20);
    varying.note(1, run % 2 === 0 ? 10 : 30);
  }
  assert.ok(varying.limitMs(1, 0) > 2 * steady.limitMs(1, 0));
  steady.note(1, 2_000);
  const shockedMs = steady.limitMs(1, 0);
  for (let run = 0; run < 60; run++) steady.note(1, 20);
  assert.ok(steady.limitMs(1, 0) < shockedMs / 20);
});

test.run();
