/** The index finds all that comparing each with each finds, each once. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLookIndex } from '../../../services/data/look-index.ts';
import { SIGNS_MAX } from '../../../services/data/look.ts';
import { createRandom } from '../../../services/training/random.ts';
import { copyOf, lookOfKey } from '../../support/looks.ts';

/** Of 1500 looks, every third is a copy of one before, with up to 40 signs that differ at random. */
function looksWithCopies(): Uint8Array[] {
  const random = createRandom(3);
  const looks: Uint8Array[] = [];
  for (let at = 0; at < 1_500; at++) {
    if (at % 3 !== 2) looks.push(lookOfKey(at));
    else {
      const copy = new Uint8Array(looks[Math.floor(random() * looks.length)]!);
      for (let flips = Math.floor(random() * 40); flips > 0; flips--)
        copy[Math.floor(random() * 32)]! ^= 1 << Math.floor(random() * 8);
      looks.push(copy);
    }
  }
  return looks;
}

function pairsOf(looks: readonly Uint8Array[], capacity: number): string[] {
  const index = createLookIndex(capacity);
  const pairs: string[] = [];
  looks.forEach((look, at) => {
    index.near(look, (number, signs) => pairs.push(`${number} ${at} ${signs}`));
    assert.is(index.add(look), at);
  });
  return pairs;
}

function signsApart(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < 32; at++) for (let bits = a[at]! ^ b[at]!; bits > 0; bits &= bits - 1) sum += 1;
  return sum;
}

test('look index: it finds exactly the pairs with at most 31 different signs, each once', () => {
  const looks = looksWithCopies();
  const all: string[] = [];
  looks.forEach((look, at) => {
    for (let number = 0; number < at; number++) {
      const signs = signsApart(looks[number]!, look);
      if (signs <= SIGNS_MAX) all.push(`${number} ${at} ${signs}`);
    }
  });
  assert.ok(all.length > 250, `${all.length} pairs`);
  assert.ok(
    all.some((pair) => pair.endsWith(` ${SIGNS_MAX}`)),
    'some are as far apart as can be',
  );
  assert.equal(pairsOf(looks, looks.length).sort(), all.sort());
});

test('look index: a few are compared one by one, with the same outcome', () => {
  const few = looksWithCopies().slice(0, 300);
  assert.equal(pairsOf(few, 300).sort(), pairsOf(few, 5_000).sort());
});

test('look index: of a film of nearly one picture each finds others, in bounded time', () => {
  const film = Array.from({ length: 1_500 }, (_, at) => copyOf(lookOfKey('film'), at % 16));
  const index = createLookIndex(film.length);
  film.forEach((look, at) => {
    let found = 0;
    index.near(look, () => (found += 1));
    if (at > 0) assert.ok(found > 0, `${at}`);
    index.add(look);
  });
});

test('look index: one more than it has room for is an error of the program', () => {
  const index = createLookIndex(1);
  index.add(lookOfKey(1));
  assert.throws(() => index.add(lookOfKey(2)), /is full/);
});

test.run();
