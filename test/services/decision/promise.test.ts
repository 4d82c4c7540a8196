/** Whether a promise about strangers is shown, broken, or neither, and the sentence that says so. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { judgePromise } from '../../../services/decision/promise.ts';

/** The hits are spread over people from the first on, one each. */
const strangers = (people: number, trials: number, hits: number) =>
  Array.from({ length: people }, (_, i) => ({
    person: `x${i}`,
    trials,
    hits: Math.floor(hits / people) + (i < hits % people ? 1 : 0),
  }));
const judge = (people: number, trials: number, hits: number, target: number) =>
  judgePromise(strangers(people, trials, hits), { target, trials: 'searches' }, { seed: 1 });

test('promise: 60 searches by 5 strangers show at best 5 %, however well they go', () => {
  const { verdict, sentence, upper } = judge(5, 12, 0, 0.01);
  assert.is(verdict, 'inconclusive');
  assert.is(sentence, '60 searches by 5 strangers show at best 4.9 %; 1 % was promised');
  assert.is(upper.toFixed(4), '0.0487');
});

test('promise: shown where the bound is within the slack', () => {
  const { verdict, sentence } = judge(200, 2, 16, 0.05);
  assert.is(verdict, 'shown');
  assert.is(
    sentence,
    '4 % of 400 searches by 200 strangers are accepted, with 95 % confidence less than 6 %; 5 % was promised',
  );
});

test('promise: without slack the bound itself has to keep it', () => {
  const counts = strangers(200, 2, 16);
  const verdict = (slack: number) =>
    judgePromise(counts, { target: 0.05, trials: 'searches', slack }, { seed: 1 }).verdict;
  assert.is(verdict(1), 'inconclusive');
  assert.is(verdict(1.3), 'shown');
});

test('promise: broken where even the lower bound is above it', () => {
  const { verdict, sentence } = judge(100, 4, 80, 0.05);
  assert.is(verdict, 'broken');
  assert.match(sentence, /^20 % of 400 searches by 100 strangers are accepted, with 95 % confidence more than 1\d %;/);
});

test('promise: hits of one person alone break none', () => {
  const counts = strangers(20, 10, 0).map((count, i) => (i === 0 ? { ...count, hits: 10 } : count));
  // 5 % of the searches, but one stranger of twenty.
  const { verdict, lower } = judgePromise(counts, { target: 0.01, trials: 'searches' }, { seed: 1 });
  assert.is(verdict, 'inconclusive');
  assert.is(lower, 0);
  assert.is(judge(200, 10, 100, 0.01).verdict, 'broken');
});

test('promise: two people say nothing, whatever happens to them', () => {
  for (const hits of [0, 10]) {
    const { verdict, sentence } = judge(2, 5, hits, 0.5);
    assert.is(verdict, 'inconclusive');
    assert.is(sentence, '10 searches by 2 strangers show nothing; at least 5 strangers are needed');
  }
  assert.is(judge(0, 0, 0, 0.5).verdict, 'inconclusive');
});

test.run();
