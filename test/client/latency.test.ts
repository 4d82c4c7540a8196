import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createBudget, createLatencies } from '../../client/latency.ts';

test('latency: the p99 is that of the last answers, and a guess before there are some', () => {
  const latencies = createLatencies();
  assert.is(latencies.p99Ms, 250);
  for (let ms = 1; ms <= 96; ms++) latencies.note(ms);
  assert.is(latencies.p99Ms, 96);
  for (let i = 0; i < 256; i++) latencies.note(5);
  assert.is(latencies.p99Ms, 5, 'what was long ago counts no more');
});

test('latency: hedges are a tenth of the requests, and a few may be saved up', () => {
  const budget = createBudget();
  const spent = () => {
    let count = 0;
    while (budget.spend()) count += 1;
    return count;
  };
  assert.is(spent(), 10);
  for (let request = 0; request < 50; request++) budget.earn();
  assert.is(spent(), 5);
  for (let request = 0; request < 1_000; request++) budget.earn();
  assert.is(spent(), 10);
});

test.run();
