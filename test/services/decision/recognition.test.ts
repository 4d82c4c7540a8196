/** How enrolled people fare, on a few probes counted by hand; accuracies as scikit-learn has them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  differenceOf,
  namesLost,
  rank1PerPerson,
  recognitionBounds,
  recognitionOf,
  slicesOf,
  type ProbeOutcome,
} from '../../../services/decision/recognition.ts';

const near = (actual: number, expected: number, tolerance = 1e-9) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

/** One letter per probe: whose it is, and whose name is found; in capitals where the threshold is reached, `-`: a tie. */
function outcomes(people: string, found: string): ProbeOutcome[] {
  return people.split('').map((person, i) => {
    const name = found[i]!.toLowerCase();
    const known = found[i] !== name;
    return { person, probe: `${person}/${i}`, found: name === '-' ? null : name, known };
  });
}

test('recognition: shares of probes and of people; the mean per person is the balanced accuracy', () => {
  // scikit-learn 1.9.1: accuracy_score .7, balanced_accuracy_score .791666..., recall .667, 1, .5, 1
  const figures = recognitionOf(outcomes('aaabbccccd', 'ABabBCaCdD'));
  assert.is(figures.people, 4);
  assert.is(figures.probes, 10);
  near(figures.rank1, 0.7);
  near(figures.rank1PerPerson, 0.7916666666666666);
  near(figures.rank1WorstTenth, 0.5);
  near(figures.fnir, 0.5);
  near(figures.wrongName, 0.1);
});

test('recognition: a tie is nobody, and known it is a wrong name', () => {
  const tie: ProbeOutcome = { person: 'a', probe: 'a/0', found: null, known: true };
  const figures = recognitionOf([tie, { ...tie, known: false }]);
  assert.equal([figures.rank1, figures.fnir, figures.wrongName], [0, 1, 0.5]);
});

test('recognition: one person with 270 images beside ten unlearnable ones: 90 % of images, 17 % per person', () => {
  const many = outcomes('z'.repeat(270), 'Z'.repeat(270));
  const few = 'abcdefghij'
    .split('')
    .flatMap((person) => outcomes(person.repeat(3), `zz${person === 'a' ? 'z' : person}`));
  const hard = few.map((it, i) => ({ ...it, found: i % 36 === 5 ? it.person : 'z' }));
  const figures = recognitionOf([...many, ...hard]);
  assert.ok(figures.rank1 > 0.9);
  near(figures.rank1PerPerson, (1 + 1 / 3) / 11, 1e-9);
  assert.is(figures.rank1WorstTenth, 0);
});

test('recognition: the worst tenth of thirty people are three, and the list begins with them', () => {
  const people = Array.from({ length: 30 }, (_, i) => `p${String(i).padStart(2, '0')}`);
  const set = people.flatMap((person, i) =>
    Array.from({ length: 4 }, (_, j) => ({
      person,
      probe: `${person}/${j}`,
      // The last three have 1, 0 and 2 of four right.
      found: i < 27 || j < [1, 0, 2][i - 27]! ? person : 'p00',
      known: true,
    })),
  );
  near(recognitionOf(set).rank1WorstTenth, 0.25);
  assert.equal(
    rank1PerPerson(set)
      .slice(0, 4)
      .map(({ person, rank1 }) => [person, rank1]),
    [
      ['p28', 0],
      ['p27', 0.25],
      ['p29', 0.5],
      ['p00', 1],
    ],
  );
});

test('recognition: slices by tag; a probe with two tags counts in both', () => {
  const set = outcomes('aabb', 'AbBA').map((it, i) => ({ ...it, tags: i === 0 ? ['day', 'door'] : ['day'] }));
  const slices = slicesOf([...set, { person: 'a', probe: 'a/9', found: 'a', known: true }]);
  assert.equal(
    slices.map(({ tag, outcomes }) => [tag, outcomes.length, recognitionOf(outcomes).rank1]),
    [
      ['day', 4, 0.5],
      ['door', 1, 1],
    ],
  );
});

test('recognition: a pair of models differs by what changed, with bounds over the same people', () => {
  const people = 'abcdefghij'.split('');
  const set = (wrong: string) => people.flatMap((p) => outcomes(p.repeat(2), wrong.includes(p) ? `${p}Z` : p + p));
  const champion = set('ab');
  // Two more people with half of their probes wrong: 2 of 20 probes.
  const { difference, lower, upper } = differenceOf(champion, set('abcd'), 'rank1', { seed: 1 });
  near(difference, -0.1);
  assert.ok(lower < -0.1 && lower >= -0.25 && upper > -0.1 && upper <= 0);
  // Others are wrong, as many.
  near(differenceOf(champion, set('cd'), 'rank1', { seed: 1 }).difference, 0);
  assert.equal(differenceOf(champion, champion, 'rank1PerPerson', { seed: 1 }), { difference: 0, lower: 0, upper: 0 });
});

test('recognition: models that saw other probes are not compared', () => {
  const set = outcomes('ab', 'ab');
  assert.throws(() => differenceOf(set, set.slice(1), 'rank1', { seed: 1 }), /same probes/);
  assert.throws(() => differenceOf(set, outcomes('ac', 'ac'), 'rank1', { seed: 1 }), /same probes/);
});

test('recognition: names that were right yesterday and are others today are listed', () => {
  const lost = namesLost(outcomes('aabbc', 'AAbBC'), outcomes('aabbc', 'BbAAC'));
  assert.equal(lost, [
    { probe: 'a/0', person: 'a', found: 'b' },
    { probe: 'b/3', person: 'b', found: 'a' },
  ]);
});

test('recognition: bounds are taken over people, and of nothing found wrong the share is still unknown', () => {
  const outcome = (person: string, probe: number, found: string) => ({
    person,
    probe: `${person}${probe}`,
    found,
    known: true,
  });
  // Of twenty people two are never recognised: one in ten of the images, whose bounds are those of few people.
  const outcomes = Array.from({ length: 20 }, (_, index) =>
    Array.from({ length: 10 }, (__, probe) => outcome(`p${index}`, probe, index < 2 ? 'nobody' : `p${index}`)),
  ).flat();
  const { fnir, wrongName, rank1PerPerson } = recognitionBounds(outcomes, { seed: 1 });
  assert.ok(fnir.lower <= 0.001 && fnir.upper >= 0.2, JSON.stringify(fnir));
  assert.equal(wrongName, fnir);
  assert.ok(rank1PerPerson.lower <= 0.8 && rank1PerPerson.upper >= 0.99, JSON.stringify(rank1PerPerson));
  const right = outcomes.filter(({ found, person }) => found === person);
  const none = recognitionBounds(right, { seed: 1 }).wrongName;
  assert.is(none.lower, 0);
  assert.ok(none.upper > 0.01 && none.upper < 0.02, `180 probes: ${none.upper}`);
});

test.run();
