import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadPeople, People, THREAD_VALUES_MIN } from '../../../../services/serving/gallery/people.ts';
import { decisionAt } from '../../../support/tiny-data.ts';
import { randomFloats } from '../../../support/tiny-model.ts';

const DIMENSIONS = 16;
function unit(seed: number): Float32Array {
  const row = randomFloats(DIMENSIONS, seed);
  const length = Math.hypot(...row);
  return row.map((x) => x / length);
}
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, d) => sum + x * b[d]!, 0);

const nearTo = (centre: Float32Array, seed: number) => {
  const noise = unit(seed);
  const row = centre.map((x, d) => x + 0.05 * noise[d]!);
  const length = Math.hypot(...row);
  return row.map((x) => x / length);
};

const ranking = (rows: ReadonlyMap<string, Float32Array>, probe: Float32Array) =>
  [...rows].map(([person, row]) => ({ person, score: dot(row, probe) })).sort((a, b) => b.score - a.score);

function peopleOf(count: number): People {
  const embeddings = new Float32Array(count * DIMENSIONS);
  for (let i = 0; i < count; i++) embeddings.set(unit(i), i * DIMENSIONS);
  const labels = Array.from({ length: count }, (_, i) => `p${i}`);
  return new People({ labels, embeddings, decision: decisionAt(0.5) }, DIMENSIONS);
}

test('people: the search is that of sorting all scores, after many additions and removals', async () => {
  const people = peopleOf(50);
  const rows = new Map(Array.from({ length: 50 }, (_, i) => [`p${i}`, [unit(i)]]));
  for (let i = 0; i < 400; i++) {
    const name = `p${(i * 7919) % 150}`;
    if (i % 3 === 2) {
      people.remove(name);
      rows.delete(name);
    } else if (people.imagesOf(name).size === 0) {
      people.add(name, 'one', unit(1000 + i));
      rows.set(name, [...(rows.get(name) ?? []), unit(1000 + i)]);
    }
    const probe = unit(5000 + i);
    const expected = [...rows]
      .map(([person, mine]) => ({ person, score: Math.max(...mine.map((row) => dot(row, probe))) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, 5);
    const found = await people.search(probe, 5);
    assert.equal(
      found.map(({ person }) => person),
      expected.map(({ person }) => person),
    );
    assert.ok(found.every(({ score }, place) => Math.abs(score - expected[place]!.score) < 1e-5));
  }
  assert.is(people.count, rows.size);
});

test('people: a gallery that is searched by a thread gives what sorting all scores gives, while it changes', async () => {
  const count = THREAD_VALUES_MIN / DIMENSIONS;
  // Rows in bundles around few directions: many near ties, which rounding to 8 bits cannot tell apart.
  const embeddings = new Float32Array(count * DIMENSIONS);
  for (let i = 0; i < count; i++) embeddings.set(nearTo(unit(i % 40), i), i * DIMENSIONS);
  const labels = Array.from({ length: count }, (_, i) => `p${i}`);
  const people = await loadPeople({ labels, embeddings: embeddings.slice(), decision: decisionAt(0.5) }, DIMENSIONS);
  const rows = new Map(labels.map((name, i) => [name, embeddings.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS)]));
  try {
    for (let i = 0; i < 40; i++) {
      const probe = nearTo(unit(i), 90_000 + i);
      const searching = people.search(probe, 5);
      // While the thread is at work the best of all goes, which moves another into its place, and one more comes.
      const [first] = ranking(rows, probe);
      people.remove(first!.person);
      rows.delete(first!.person);
      people.add(`new${i}`, 'one', probe);
      rows.set(`new${i}`, probe);
      const found = [await searching, await people.search(probe, 5)];
      const expected = ranking(rows, probe).slice(0, 5);
      for (const matches of found) {
        assert.equal(
          matches.map(({ person }) => person),
          expected.map(({ person }) => person),
        );
      }
    }
  } finally {
    await people.close();
  }
});

test('people: the enrolled images are a mean of their own beside the row of the release, and an image counts once', () => {
  const people = peopleOf(1);
  people.add('p0', 'a', unit(7));
  people.add('p0', 'a', unit(7));
  people.add('p0', 'b', unit(8));
  const sum = unit(7).map((x, d) => x + unit(8)[d]!);
  const mean = sum.map((x) => x / Math.hypot(...sum));
  assert.equal([...people.imagesOf('p0').keys()], ['a', 'b']);
  assert.ok(Math.abs(people.score('p0', mean) - 1) < 1e-5);
  assert.ok(Math.abs(people.score('p0', unit(0)) - 1) < 1e-5);
});

test('people: the second best of a search is another person, also if the best has two rows', async () => {
  const people = peopleOf(3);
  people.add('p0', 'a', nearTo(unit(0), 7));
  const [best, second] = await people.search(unit(0), 2);
  assert.is(best!.person, 'p0');
  assert.is.not(second!.person, 'p0');
});

test('people: the threshold is that of the people of this moment, who are counted by name', () => {
  const table = { people: [1, 2, 3], thresholds: [0.1, 0.2, 0.3] };
  const decision = { ...decisionAt(0.5), identify: { fpir: 0.01, margin: 0.05, ...table } };
  const people = new People({ labels: [], embeddings: new Float32Array(0), decision }, DIMENSIONS);
  const now = () => [people.decision.people, people.decision.identify.threshold, people.decision.verify.threshold];
  assert.equal(now(), [0, 0.1, 0.5]);
  people.add('ada', 'a', unit(1));
  people.add('ada', 'b', unit(2));
  assert.equal(now(), [1, 0.1, 0.5]);
  people.add('bob', 'a', unit(3));
  assert.equal(now(), [2, 0.2, 0.5]);
  assert.is(people.decision, people.decision, 'made anew only if somebody comes or leaves');
  people.add('cy', 'a', unit(4));
  people.add('dan', 'a', unit(5));
  assert.equal(now(), [4, 0.3, 0.5]);
  people.remove('ada');
  people.remove('dan');
  assert.equal(now(), [2, 0.2, 0.5]);
});

test('people: a removed person is gone with all rows, and comes back with new images alone', () => {
  const people = peopleOf(3);
  people.add('p0', 'a', unit(7));
  people.remove('p0');
  assert.equal([people.has('p0'), people.count, people.imagesOf('p0').size], [false, 2, 0]);
  assert.throws(() => people.score('p0', unit(0)), /not enrolled/);
  people.add('p0', 'a', unit(9));
  assert.ok(Math.abs(people.score('p0', unit(9)) - 1) < 1e-5);
  assert.ok(people.score('p0', unit(0)) < 0.99);
  people.remove('nobody');
  assert.is(people.count, 3);
});

test.run();
