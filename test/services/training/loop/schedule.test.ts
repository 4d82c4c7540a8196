/** The learning rate from step to step. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { learningRateAt } from '../../../../services/training/loop/schedule.ts';

test('schedule: it rises over a twentieth, then falls to a twentieth of the full rate', () => {
  const rates = Array.from({ length: 200 }, (_, step) => learningRateAt(step, 200, 1));
  assert.is(rates[0], 0.1);
  assert.is(rates[9], 1);
  assert.is(rates[10], 1);
  assert.ok(Math.abs(rates[199]! - 0.05) < 1e-12);
  for (let step = 11; step < 200; step++) assert.ok(rates[step]! < rates[step - 1]!);
});

test('schedule: a training of one step takes it at the full rate', () => {
  assert.is(learningRateAt(0, 1, 1), 1);
});

test.run();
