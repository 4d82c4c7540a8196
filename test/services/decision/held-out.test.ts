/** Who is held out of training follows from the names alone. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { heldOutOf } from '../../../services/decision/held-out.ts';

const names = Array.from({ length: 2_000 }, (_, i) => `person ${i}`);
const FIFTH = { share: 0.2, min: 6 };

test('held out: about the share that was asked for, and others with another salt', () => {
  const chosen = (salt: string) => [...heldOutOf(names, { ...FIFTH, salt })];
  // Four standard deviations around 400.
  assert.ok(Math.abs(chosen('').length - 400) < 72);
  const both = new Set(chosen('a'));
  const common = chosen('b').filter((name) => both.has(name)).length;
  assert.ok(common > 40 && common < 120, `${common} are about a fifth of a fifth`);
});

test('held out: the same people as ever: a release that held out others would have trained on these', () => {
  const chosen = heldOutOf(names.slice(0, 30), FIFTH);
  assert.equal([...chosen].sort(), ['person 12', 'person 16', 'person 19', 'person 23', 'person 26', 'person 8']);
});

test('held out: nobody changes sides when people are added or leave, in whatever order they are named', () => {
  const all = heldOutOf(names, FIFTH);
  const half = heldOutOf(names.slice(0, 1_000).reverse(), FIFTH);
  assert.equal([...half].sort(), [...all].filter((name) => names.indexOf(name) < 1_000).sort());
});

test('held out: few people are filled up to the least number, but never more than a third', () => {
  const count = (people: number, share = 0) => heldOutOf(names.slice(0, people), { share, min: 6 }).size;
  assert.equal(
    [0, 2, 3, 10, 18, 30].map((people) => count(people)),
    [0, 0, 1, 3, 6, 6],
  );
  assert.is(count(30, 1), 30);
});

test('held out: the two Unicode forms of a name, and spaces around it, are one person', () => {
  const accents = Array.from({ length: 50 }, (_, i) => `Ren\u00e9 ${i}`);
  const chosen = (form: (name: string) => string) =>
    [...heldOutOf(accents.map(form), FIFTH)].map((name) => name.trim().normalize('NFC'));
  assert.equal(
    chosen((name) => name.normalize('NFD')),
    chosen((name) => name),
  );
  assert.equal(
    chosen((name) => ` ${name} `),
    chosen((name) => name),
  );
});

test.run();
