/** Pages of a gallery's people: by name, each once, also while others look at it; and it gives others their turn. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PeopleQuestionSchema } from '../../../../contracts/inference.ts';
import { listPeople } from '../../../../services/serving/gallery/list.ts';
import { People } from '../../../../services/serving/gallery/people.ts';
import { decisionAt } from '../../../support/tiny-data.ts';

const ROW = new Float32Array([1, 0]);

function peopleOf(names: readonly string[]): People {
  const embeddings = new Float32Array(names.length * ROW.length);
  names.forEach((_, row) => embeddings.set(ROW, row * ROW.length));
  return new People({ labels: [...names], embeddings, decision: decisionAt(0.5) }, ROW.length);
}

const page = (people: People, question: object = {}) => listPeople(people, PeopleQuestionSchema.parse(question));

test('list: pages by name meet everybody once, whatever the order in which they came', async () => {
  const names = Array.from({ length: 57 }, (_, index) => `p${(index * 23) % 57}`);
  const people = peopleOf(names);
  const met: string[] = [];
  let after: string | undefined;
  for (let pages = 0; pages < 6; pages++) {
    const found = await page(people, { limit: 10, after });
    assert.equal([found.found, found.enrolled], [57, 57]);
    met.push(...found.people.map(({ person }) => person));
    after = found.next ?? undefined;
    assert.is(found.next === null, pages === 5);
  }
  assert.equal(met, [...names].sort());
});

test('list: a search takes part of a name, and case, width and spaces do not count', async () => {
  const people = peopleOf(['Ada Lovelace', 'Grace Hopper', 'ＡＤＡ Byron', 'Zoé']);
  const named = async (search: string) => (await page(people, { search })).people.map(({ person }) => person);
  assert.equal(await named('ada'), ['Ada Lovelace', 'ＡＤＡ Byron']);
  assert.equal(await named('CEHOP'), ['Grace Hopper']);
  assert.equal(await named('ZOÉ'), ['Zoé']);
  assert.equal(await named('nobody'), []);
  assert.equal((await page(people, { search: 'ada', limit: 1 })).found, 2);
});

test('list: it says what each is known by: the night, or images, with who enrolled them and when', async () => {
  const people = peopleOf(['Ada']);
  const [first, second] = [
    { by: 'alice', at: '2026-11-26T02:00:00.000Z' },
    { by: 'bob', at: '2026-11-27T02:00:00.000Z' },
  ];
  people.add('Ada', 'd1', ROW, first);
  people.add('Ada', 'd1', ROW, second);
  people.add('Bea', 'd2', ROW, second);
  assert.equal((await page(people)).people, [
    { person: 'Ada', fromNight: true, references: 2, images: [{ digest: 'd1', ...first }] },
    { person: 'Bea', fromNight: false, references: 1, images: [{ digest: 'd2', ...second }] },
  ]);
  people.remove('Ada');
  assert.equal(
    (await page(people)).people.map(({ person }) => person),
    ['Bea'],
  );
});

test('list: of many people it gives others a turn each thousand, and bears that somebody leaves meanwhile', async () => {
  const people = peopleOf(Array.from({ length: 5_500 }, (_, index) => `p${String(index).padStart(4, '0')}`));
  let turns = 0;
  const question = PeopleQuestionSchema.parse({ limit: 3 });
  const found = await listPeople(people, question, async () => {
    turns += 1;
    people.remove('p0001');
  });
  assert.is(turns, 5);
  assert.equal(
    found.people.map(({ person }) => person),
    ['p0000', 'p0002'],
  );
  assert.is(found.next, 'p0002');
});

test.run();
