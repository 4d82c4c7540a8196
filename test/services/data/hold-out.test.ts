/** Who of a snapshot's people is held out: never somebody whom a net knows, by name or by an image. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { holdOutPeople } from '../../../services/data/hold-out.ts';
import { NOTHING_LEARNED } from '../../../services/data/learned.ts';
import { heldOutOf } from '../../../services/decision/held-out.ts';

const FIFTH = { share: 0.2, min: 10 };
const people = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => ({ label: `person ${from + at}`, digest: `sha256:${from + at}` }));
const heldOut = (samples: ReturnType<typeof people>, learned: Partial<typeof NOTHING_LEARNED> = {}, rule = FIFTH) => [
  ...holdOutPeople(samples, rule, { ...NOTHING_LEARNED, ...learned }),
];

test('hold out: at first it is the rule of the decision over all names', () => {
  const samples = people(40);
  assert.equal(heldOut(samples), [
    ...heldOutOf(
      samples.map(({ label }) => label),
      FIFTH,
    ),
  ]);
  assert.is(heldOut(samples).length, 10);
});

test('hold out: the same people the next night, when all others are learned', () => {
  for (const count of [3, 5, 12, 40, 200]) {
    const first = heldOut(people(count));
    const learned = new Set(people(count).flatMap(({ label }) => (first.includes(label) ? [] : [label])));
    assert.equal(heldOut(people(count), { people: learned }), first);
  }
});

test('hold out: places that newcomers would have had to share are filled up, never by somebody learned', () => {
  const first = heldOut(people(40));
  const rest = new Set(people(40).flatMap(({ label }) => (first.includes(label) ? [] : [label])));
  // Half of those held out have left, and ten newcomers came.
  const staying = people(40).filter(({ label }) => !first.slice(0, 5).includes(label));
  const second = heldOut([...staying, ...people(10, 40)], { people: rest });
  assert.is(second.length, 10);
  assert.ok(second.every((label) => !rest.has(label)));
});

test('hold out: somebody renamed is known by an image', () => {
  const [first] = heldOut(people(40));
  const renamed = people(40).find(({ label }) => label === first)!;
  assert.not(heldOut(people(40), { images: new Set([renamed.digest]) }).includes(first!));
});

test('hold out: two people at least are learned, whatever the share', () => {
  const half = { share: 1, min: 0 };
  assert.equal(
    [0, 1, 2, 3, 7].map((count) => heldOut(people(count), {}, half).length),
    [0, 0, 0, 1, 5],
  );
});

test('hold out: the two Unicode forms of a name are held out together, or learned together', () => {
  const both = Array.from({ length: 60 }, (_, at) => [`Ren\u00e9 ${at}`, `Rene\u0301 ${at} `]).flat();
  const samples = both.map((label, at) => ({ label, digest: `sha256:${at}` }));
  const chosen = heldOut(samples);
  assert.ok(chosen.length >= 20);
  for (let at = 0; at < both.length; at += 2) assert.is(chosen.includes(both[at]!), chosen.includes(both[at + 1]!));
  const rest = heldOut(samples, { people: new Set([chosen[0]!]) });
  assert.not(rest.includes(chosen[0]!));
  assert.not(rest.includes(chosen[1]!));
});

test.run();
