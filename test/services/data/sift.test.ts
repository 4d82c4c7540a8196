/** Which samples stay: the first with given bytes, and of strangers those who are nobody's. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Intake, IntakeRecord, StoredSample } from '../../../services/data/intake.ts';
import { NOTHING_LEARNED } from '../../../services/data/learned.ts';
import { looksWith } from '../../../services/data/learned-looks.ts';
import { SIGNS_MAX, SIGNS_MAX_OF_OTHERS } from '../../../services/data/look.ts';
import { sift, type SiftedSamples } from '../../../services/data/sift.ts';
import { copyOf, lookOfKey } from '../../support/looks.ts';

const digest = (number: number) => `sha256:${number.toString(16).padStart(4, '0').padEnd(64, '0')}`;
const stored = (id: string, label: string, number: number): IntakeRecord => ({
  ...{ id, label, digest: digest(number), look: lookOfKey(number), file: digest(1000 + number) },
  ...{ tags: [], grey: 0, offset: 0, bytes: 9 },
});
const intake = (name: string, records: IntakeRecord[]): Intake => ({
  ...{ name, type: 'list', spoolPath: '', records },
  ...{ passedOver: {}, announced: null },
});

test('sift: what the intake refused is quarantined under the name of its source', async () => {
  const refused = { id: 'x', label: 'ada', reason: 'blank' as const, message: 'auth/x: even' };
  const sifted = await sift(
    { people: [intake('auth', [refused])], strangers: [intake('street', [refused])] },
    NOTHING_LEARNED,
  );
  assert.equal(sifted.quarantined, [
    { source: 'auth', ...refused },
    { source: 'street', ...refused },
  ]);
});

test('sift: strangers are nobody who is enrolled, by name or by image, and nobody who was learned', async () => {
  const people = [intake('auth', [stored('a', 'ada', 1), stored('b', 'Ren\u00e9', 2)])];
  const records = [
    stored('a', 'eve', 3),
    stored('b', 'eve', 1),
    stored('c', 'Ren\u00e9', 4),
    stored('d', 'eve', 5),
    stored('e', 'gone', 6),
    stored('f', 'mallory', 3),
    stored('g', 'eve', 3),
    stored('h', 'mallory', 7),
  ];
  const learned = { ...NOTHING_LEARNED, people: new Set(['gone']), images: new Set([digest(5)]) };
  const { strangers, quarantined } = await sift({ people, strangers: [intake('street', records)] }, learned);
  assert.equal(
    strangers.map(({ id, source }) => [id, source]),
    [
      ['a', 1],
      ['h', 1],
    ],
  );
  assert.equal(
    quarantined.map(({ reason, message }) => [reason, message]),
    [
      ['not-a-stranger', 'street/b: it shows what auth/a of "ada" shows, who is enrolled'],
      ['not-a-stranger', 'street/c: "Ren\u00e9" is enrolled, and so no stranger'],
      ['not-a-stranger', 'street/d: the net has learned this image, and so its person is no stranger'],
      ['not-a-stranger', 'street/e: "gone" was learned by the net, and so is no stranger to it'],
      ['contradictory-label', 'street/f: it shows what street/a shows, which is labelled "eve"'],
      ['duplicate', 'street/g: the same pixels as street/a'],
    ],
  );
});

const copy = (id: string, label: string, number: number, signs: number): StoredSample => ({
  ...(stored(id, label, number) as StoredSample),
  ...{ digest: digest(100 + number), look: copyOf(lookOfKey(number), signs) },
});
const reasons = ({ quarantined }: SiftedSamples) =>
  quarantined.map(({ source, id, reason }) => `${source}/${id} ${reason}`);

test('sift: eight pictures under two names are nobody\u2019s, and nobody else loses one', async () => {
  const eight = [1, 2, 3, 4, 5, 6, 7, 8];
  const auth = intake('auth', [...eight.map((at) => stored(`a${at}`, 'ada', at)), stored('c', 'cleo', 9)]);
  const helper = intake(
    'helper',
    eight.map((at) => stored(`b${at}`, 'ben', at)),
  );
  const sifted = await sift({ people: [auth, helper], strangers: [] }, NOTHING_LEARNED);
  assert.equal(
    sifted.people.map(({ id }) => id),
    ['c'],
  );
  assert.equal(
    sifted.conflicts,
    eight.map(() => ({ names: ['ada', 'ben'], keptFor: null })),
  );
  const [first] = sifted.quarantined;
  assert.is(
    first?.message,
    'auth/a1: it shows what helper/b1 shows, which is labelled "ben"; nobody knows whose it is',
  );
});

test('sift: one picture that stands for 20,000 people without any is nobody\u2019s, and each is told of another one', async () => {
  const people = 20_000;
  const records = Array.from({ length: people }, (_, at) => stored(`${at}`, `person ${at}`, 1));
  const {
    quarantined,
    people: staying,
    conflicts,
  } = await sift({ people: [intake('auth', records)], strangers: [] }, NOTHING_LEARNED);
  assert.equal([quarantined.length, staying.length, conflicts.length], [people, 0, 1]);
  const told = (at: number) => quarantined[at]!.message;
  assert.match(told(0), /^auth\/0: it shows what auth\/1 shows, which is labelled "person 1"/);
  for (const at of [1, 2, people - 1]) assert.match(told(at), /shows what auth\/0 shows, which is labelled "person 0"/);
});

test('sift: near copies of one person stay as a group; under two names they are a conflict if they are nearer', async () => {
  const people = (label: string, signs: number) => [
    intake('auth', [stored('a', 'ada', 1), copy('b', label, 1, signs)]),
  ];
  const own = await sift({ people: people('ada', SIGNS_MAX), strangers: [] }, NOTHING_LEARNED);
  assert.equal(
    own.people.map(({ id, group }) => [id, group]),
    [
      ['a', digest(1)],
      ['b', digest(1)],
    ],
  );
  const far = await sift({ people: people('ada', SIGNS_MAX + 1), strangers: [] }, NOTHING_LEARNED);
  assert.equal(
    far.people.map(({ group }) => group),
    [digest(1), digest(101)],
  );
  const others = await sift({ people: people('ben', SIGNS_MAX_OF_OTHERS + 1), strangers: [] }, NOTHING_LEARNED);
  assert.equal([others.people.length, others.conflicts], [2, []]);
  const near = await sift({ people: people('ben', SIGNS_MAX_OF_OTHERS), strangers: [] }, NOTHING_LEARNED);
  assert.equal([near.people.length, reasons(near)], [0, ['auth/a contradictory-label', 'auth/b contradictory-label']]);
});

test('sift: a picture under two names stays with the one as whom the net has learned it, also by a copy', async () => {
  const sources = [intake('auth', [stored('a', 'ada', 1)]), intake('helper', [copy('b', 'ben', 1, 5)])];
  const learnedAs = (...labels: string[]) => ({
    ...NOTHING_LEARNED,
    looks: labels.map((label, at) => looksWith([], [{ ...copy('', label, 1, 3 + at), digest: digest(50 + at) }])[0]!),
  });
  const ada = await sift({ people: sources, strangers: [] }, learnedAs('ada'));
  assert.equal([ada.people.map(({ id }) => id), ada.conflicts], [['a'], [{ names: ['ada', 'ben'], keptFor: 'ada' }]]);
  assert.match(ada.quarantined[0]!.message, /"ada"; the net has learned it as "ada"$/);
  const both = await sift({ people: sources, strangers: [] }, learnedAs('ada', 'ben'));
  assert.is(both.people.length, 0);
  const other = await sift({ people: sources, strangers: [] }, learnedAs('cleo'));
  assert.is(other.people.length, 0);
});

test('sift: a near copy of a picture of somebody enrolled, or learned, is no stranger', async () => {
  const people = [intake('auth', [stored('a', 'ada', 1)])];
  const strangers = [intake('street', [copy('x', 'eve', 1, 20), copy('y', 'eve', 2, 20), stored('z', 'eve', 3)])];
  const looks = looksWith([], [{ ...(stored('', 'gone', 2) as StoredSample), digest: digest(77) }]);
  const sifted = await sift({ people, strangers }, { ...NOTHING_LEARNED, looks });
  assert.equal(
    sifted.strangers.map(({ id }) => id),
    ['z'],
  );
  assert.equal(reasons(sifted), ['street/x not-a-stranger', 'street/y not-a-stranger']);
});

test('sift: what was learned before 0.6.0 is known by its file', async () => {
  const learned = { ...NOTHING_LEARNED, images: new Set([digest(1001)]) };
  const sifted = await sift(
    { people: [intake('auth', [stored('a', 'ada', 1), stored('b', 'ada', 2)])], strangers: [] },
    learned,
  );
  assert.equal([...sifted.learned], [digest(1)]);
});

test('sift: pictures that look like those of many names are told apart by their pixels alone', async () => {
  // One wall, five people in front of it.
  const wall = ['ada', 'ben', 'cleo', 'dora', 'eve'].map((label, at) =>
    at === 0 ? stored('0', label, 1) : { ...copy(`${at}`, label, 1, at), digest: digest(200 + at) },
  );
  const street = intake('street', [{ ...copy('s', 'fay', 1, 6), digest: digest(300) }]);
  const sifted = await sift({ people: [intake('door', wall)], strangers: [street] }, NOTHING_LEARNED);
  assert.equal([sifted.people.length, sifted.strangers.length, sifted.conflicts], [5, 1, []]);
  assert.equal(sifted.alike, ['ada', 'ben', 'cleo', 'dora', 'eve']);
  const three = await sift({ people: [intake('door', wall.slice(0, 3))], strangers: [] }, NOTHING_LEARNED);
  assert.equal([three.people.length, three.alike], [0, []]);
});

test('sift: where classes look alike, the same pixels alone are a conflict', async () => {
  const two = [
    intake('door', [stored('a', 'ada', 1), copy('b', 'ben', 1, 3), stored('c', 'cleo', 2), stored('d', 'dan', 2)]),
  ];
  const sifted = await sift({ people: two, strangers: [] }, NOTHING_LEARNED, { acrossNames: false });
  assert.equal(
    sifted.people.map(({ id }) => id),
    ['a', 'b'],
  );
  assert.equal(sifted.conflicts, [{ names: ['cleo', 'dan'], keptFor: null }]);
});

test.run();
