/** How the decision bench divides people: nobody is on two sides, and one seed gives one division. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { divide, labelled, type Person } from '../../../bench/decision/people.ts';

const people = (count: number, images: number, prefix: string): Person[] =>
  Array.from({ length: count }, (_, person) => ({
    label: `${prefix}${person}`,
    images: Array.from({ length: images }, (_, image) => Uint8Array.of(person, image)),
  }));
const labels = (of: readonly { readonly label: string }[]) => of.map(({ label }) => label);

test('decision bench: strangers that set are not those that measure, and nobody is enrolled who is a stranger', () => {
  const { trained, heldOut, setting, measuring } = divide(people(40, 10, 'p'), people(21, 2, 'x'), 1);
  assert.is(trained.length + heldOut.length, 40);
  assert.ok(heldOut.length > 2 && heldOut.length < 16);
  assert.equal([setting.length, measuring.length], [11, 10]);
  assert.is(new Set(labels([...trained, ...heldOut, ...setting, ...measuring])).size, 61);
});

test('decision bench: without strangers a quarter of the people measure, and no other strangers set', () => {
  const { trained, heldOut, setting, measuring } = divide(people(40, 10, 'p'), [], 1);
  assert.equal([trained.length + heldOut.length, setting.length, measuring.length], [30, 0, 10]);
  assert.is(new Set(labels([...trained, ...heldOut, ...measuring])).size, 40);
});

test('decision bench: every image is enrolled or a probe, and everybody has both', () => {
  const set = [...people(10, 10, 'p'), ...people(10, 2, 'q'), ...people(3, 1, 'alone')];
  const { trained, heldOut } = divide(set, people(4, 1, 'x'), 1);
  const all = [...trained, ...heldOut];
  assert.is(all.length, 20, 'a person with one image has no probe and is left out');
  for (const { label, enrolled, probes } of all) {
    const images = new Set([...enrolled, ...probes].map((pixels) => pixels[1]));
    assert.is(images.size, enrolled.length + probes.length);
    assert.equal([enrolled.length, probes.length], label.startsWith('p') ? [7, 3] : [1, 1]);
  }
});

test('decision bench: the same seed divides alike, another one otherwise, and more people change nobody', () => {
  const strangers = people(10, 1, 'x');
  const held = (count: number, seed: number) => labels(divide(people(count, 4, 'p'), strangers, seed).heldOut);
  assert.equal(held(40, 1), held(40, 1));
  assert.not.equal(held(40, 1), held(40, 2));
  assert.equal(
    held(60, 1).filter((label) => Number(label.slice(1)) < 40),
    held(40, 1),
  );
});

test('decision bench: too few people are refused with their number', () => {
  assert.throws(() => divide(people(7, 2, 'p'), [], 1), /7 people with two images or more; at least 8/);
});

test('decision bench: a set has one class for each person', () => {
  const set = labelled(people(2, 2, 'p'), { width: 2, height: 1, channels: 1 });
  assert.equal([...set.classes], [0, 0, 1, 1]);
  assert.equal([...set.pixels], [0, 0, 0, 1, 1, 0, 1, 1]);
  assert.equal([set.labels, set.count], [['p0', 'p1'], 4]);
});

test.run();
