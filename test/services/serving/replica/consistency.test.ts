import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { verdictOf, type Knowledge } from '../../../../services/serving/replica/consistency.ts';
import { runServingModel, type ModelReply } from '../../../support/serving-model.ts';

const KNOWS: Knowledge = {
  ...{ consistency: 'available', isFenced: false, isGood: true, wasGood: true },
  ...{ answered: 3, wanted: 3, look: 'none' },
};
const LOST = { ...KNOWS, isGood: false };

test('consistency: a replica in touch answers, also by the former release while a deployment waits for it', () => {
  assert.is(verdictOf(KNOWS), 'fresh');
  assert.is(verdictOf({ ...KNOWS, answered: 2 }), 'fresh');
  assert.is(verdictOf({ ...KNOWS, answered: 2, wasGood: false }), 'hold', 'nobody waited for it meanwhile');
});

test('consistency: one that is out of touch looks once more, and marks its answer', () => {
  assert.is(verdictOf(LOST), 'look');
  assert.is(verdictOf({ ...LOST, look: 'unanswered' }), 'stale');
  assert.is(verdictOf({ ...LOST, look: 'reached' }), 'stale');
  assert.is(verdictOf({ ...LOST, look: 'reached', wanted: 4 }), 'hold', 'it knows of a newer release');
});

test('consistency: who demands a release, or strict serving, is never answered by one that is out of touch', () => {
  for (const look of ['none', 'reached', 'unanswered'] as const) {
    assert.is(verdictOf({ ...LOST, look, isFenced: true }), 'hold');
    assert.is(verdictOf({ ...LOST, look, consistency: 'strict' }), 'hold');
  }
});

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed + 1);
const WORLD = { durationMs: 90_000, fencedShare: 0.2, troubles: 0.12 };
/** Older than a release that was complete when it was sent. */
const isOld = ({ release, completeAtSend }: ModelReply) => release < completeAtSend;
const sum = (numbers: readonly number[]) => numbers.reduce((total, it) => total + it, 0);

test('consistency: in a model world with troubles, an answer that is too old is marked, and the store did not tell of it', () => {
  const results = SEEDS.map((seed) => ({ seed, ...runServingModel({ ...WORLD, seed, consistency: 'available' }) }));
  for (const { seed, replies } of results) {
    for (const reply of replies) {
      if (!reply.isStale && !isOld(reply)) continue;
      const told = `seed ${seed}: ${JSON.stringify(reply)}`;
      assert.ok(reply.isStale, `an old answer without a mark: ${told}`);
      assert.not.ok(reply.isFenced, `a release was demanded: ${told}`);
      const couldKnow = reply.couldKnow && reply.release < reply.completeAtLook;
      assert.not.ok(couldKnow, `the store would have told of a newer release: ${told}`);
      assert.ok(reply.ageMs >= reply.trueAgeMs, `older than it says: ${told}`);
    }
  }
  const replies = results.flatMap((it) => it.replies);
  const count = (which: (reply: ModelReply) => boolean) => replies.filter(which).length;
  const seen = [
    count((it) => it.isStale),
    count(isOld),
    count((it) => it.isFenced),
    sum(results.map((it) => it.releases)),
  ];
  // Without these the lines above would say nothing.
  assert.ok(seen[0]! > 1_000 && seen[1]! > 50 && seen[2]! > 1_000 && seen[3]! > 100, seen.join(', '));
});

test('consistency: strict serving gives no old answer in the same world', () => {
  const results = SEEDS.map((seed) => runServingModel({ ...WORLD, seed, consistency: 'strict' }));
  const replies = results.flatMap((it) => it.replies);
  assert.ok(replies.length > 10_000);
  assert.equal(
    replies.filter((reply) => isOld(reply) || reply.isStale),
    [],
  );
});

test('consistency: while only the store is away, available serving answers each request, and strict serving does not', () => {
  const world = { ...WORLD, fencedShare: 0, isOnlyStore: true, seed: 1 };
  const available = runServingModel({ ...world, consistency: 'available' });
  assert.ok(available.replies.some(({ isStale }) => isStale));
  assert.is(available.unanswered, 0);
  assert.ok(runServingModel({ ...world, consistency: 'strict' }).unanswered > 100);
});

test.run();
