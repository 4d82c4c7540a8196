/** The table of a release beside the rule for one number of people, and what a replica makes of it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DecisionSchema, type Decision } from '../../../contracts/decision.ts';
import { decisionFor, decisionTable, legacyDecision, NOBODY } from '../../../services/decision/in-force.ts';
import {
  fpirAt,
  identifyThreshold,
  isKnown,
  topScores,
  type StrangerSearches,
} from '../../../services/decision/thresholds.ts';
import { createRandom, type Random } from '../../../services/training/random.ts';

const PROMISE = { fpir: 0.05, margin: 0.05 };

/** Scores like cosines of strangers: a bell around 0.1, so that few are high. */
const scoreOf = (random: Random) => 0.1 + 0.4 * (random() + random() + random() - 1.5);

function searchesAmong(people: number, count: number, top: (scores: Float32Array) => readonly number[] = topScores) {
  const random = createRandom(3);
  const searches = Array.from({ length: count }, (_, i) => ({
    person: `x${i}`,
    top: top(Float32Array.from({ length: people }, () => scoreOf(random))),
  }));
  return { people, searches } satisfies StrangerSearches;
}

test('decision table: each number of people up to a hundred has its threshold, and then steps of 3 % to the last', () => {
  const { people, thresholds } = decisionTable(searchesAmong(40, 200), PROMISE, 500_000);
  assert.equal(people.slice(0, 101), [...Array.from({ length: 100 }, (_, i) => i + 1), 103]);
  assert.equal([people.at(-1), thresholds.length], [500_000, people.length]);
  for (let i = 100; i < people.length; i++) assert.ok(people[i]! <= Math.ceil(people[i - 1]! * 1.03));
  assert.equal(decisionTable(searchesAmong(40, 200), PROMISE, 3).people, [1, 2, 3]);
});

test('decision table: it keeps the promise for every number of people, and more people never make it laxer', () => {
  const strangers = searchesAmong(40, 200);
  const { people, thresholds } = decisionTable(strangers, PROMISE, 500);
  let strictest = -Infinity;
  people.forEach((count, i) => {
    const threshold = thresholds[i]!;
    strictest = Math.max(strictest, identifyThreshold(strangers, PROMISE, count));
    assert.is(threshold, strictest);
    const fpir = fpirAt(strangers, { threshold, margin: PROMISE.margin }, count);
    assert.ok(fpir <= PROMISE.fpir + 1e-9, `${fpir} among ${count}`);
  });
  assert.ok(thresholds.at(-1)! > thresholds[0]!);
});

test('decision table: of a gallery that shrinks to a few people, scores that were not kept let nobody in', () => {
  // Of one person of 400 a score was kept in 4 % of the searches: less than is promised.
  const kept = searchesAmong(400, 100);
  // The same scores, all of them.
  const whole = searchesAmong(400, 100, (scores) => [...scores].sort((a, b) => b - a));
  const decision: Decision = {
    identify: { ...PROMISE, ...decisionTable(kept, PROMISE, 400) },
    verify: { far: 0.001, threshold: 1 },
    warning: null,
  };
  for (const people of [1, 2, 5, 20, 100, 400]) {
    const fpir = fpirAt(whole, decisionFor(decision, people).identify, people);
    assert.ok(fpir <= PROMISE.fpir + 1e-9, `${fpir} among ${people}`);
  }
});

test('decision table: without a search nobody is known, and a file can carry that', () => {
  const table = decisionTable({ people: 3, searches: [] }, PROMISE, 500_000);
  assert.equal(table, { people: [1], thresholds: [NOBODY] });
  assert.equal(decisionTable({ people: 0, searches: [{ person: 'x', top: [] }] }, PROMISE, 9), table);
  const decision: Decision = {
    identify: { ...PROMISE, ...table },
    verify: { far: 0.001, threshold: NOBODY },
    warning: 'no stranger was searched',
  };
  const read = DecisionSchema.parse(JSON.parse(JSON.stringify(decision)));
  assert.not(isKnown([1, 0], decisionFor(read, 3).identify));
});

test('decision in force: a number between two has the threshold of the higher one, a number above the last its own', () => {
  const decision: Decision = {
    identify: { fpir: 0.01, margin: 0.05, people: [2, 5, 9], thresholds: [0.2, 0.5, 0.9] },
    verify: { far: 0.001, threshold: 0.4 },
    warning: 'why',
  };
  const at = (people: number) => decisionFor(decision, people).identify.threshold;
  assert.equal([0, 1, 2, 3, 5, 6, 9, 10, 1e6].map(at), [0.2, 0.2, 0.2, 0.5, 0.5, 0.9, 0.9, 0.9, 0.9]);
  assert.equal(decisionFor(decision, 3), {
    identify: { threshold: 0.5, margin: 0.05, fpir: 0.01 },
    verify: { threshold: 0.4, far: 0.001 },
    people: 3,
    warning: 'why',
  });
});

test('decision in force: a release of before has one threshold for everything, no promise and a warning', () => {
  for (const people of [0, 1, 70_000]) {
    const { identify, verify, warning } = decisionFor(legacyDecision(0.6), people);
    assert.equal(
      [identify, verify],
      [
        { threshold: 0.6, margin: 0, fpir: null },
        { threshold: 0.6, far: null },
      ],
    );
    assert.match(warning ?? '', /calls most strangers known; the next night replaces it/);
  }
  assert.ok(DecisionSchema.safeParse(legacyDecision(0.6)).success);
});

test.run();
