/** Looks of learned pictures: a blob for what is new, one blob of many, and without somebody. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  digestKey,
  looksWith,
  looksWithout,
  LOOK_ROW_BYTES,
  nameKey,
  rowsOf,
} from '../../../services/data/learned-looks.ts';
import { lookOfKey } from '../../support/looks.ts';

const learnt = (number: number, label: string) => ({
  digest: `sha256:${number.toString(16).padStart(4, '0').padEnd(64, 'f')}`,
  label,
  look: lookOfKey(number),
});
const [first, second, third] = [learnt(1, 'ada'), learnt(2, 'Zoé'), learnt(3, 'ada')] as const;

test('learned looks: rows come back, and only what is new makes another blob', () => {
  const night = looksWith([], [second, first]);
  assert.equal(
    [...rowsOf(night)].map((row) => ({ ...row, look: new Uint8Array(row.look) })),
    [first, second].map(({ digest, label, look }) => ({ digestKey: digestKey(digest), nameKey: nameKey(label), look })),
  );
  assert.is(looksWith(night, [first, second]), night);
  const next = looksWith(night, [first, second, third]);
  assert.equal([next.length, next[0], next[1]!.length], [2, night[0], LOOK_ROW_BYTES]);
  assert.is(nameKey('Zoé'.normalize('NFD')), nameKey('Zoé'));
});

test('learned looks: many small blobs become one', () => {
  let blobs: readonly Uint8Array[] = [];
  for (let number = 0; number < 40; number++) {
    blobs = looksWith(blobs, [learnt(number, 'ada')]);
    assert.ok(blobs.length <= 16);
  }
  assert.is([...rowsOf(blobs)].length, 40);
});

test('learned looks: somebody is taken out by the pictures and by the name', () => {
  const [blob] = looksWith([], [first, second, third]);
  const left = (digests: string[], names: string[]) => {
    const kept = looksWithout(blob!, new Set(digests), new Set(names));
    return kept && [...rowsOf([kept])].map((row) => row.digestKey);
  };
  assert.equal(left([second.digest], []), [digestKey(first.digest), digestKey(third.digest)]);
  assert.equal(left([], ['ada']), [digestKey(second.digest)]);
  assert.equal(left([second.digest], ['ada']), []);
  assert.is(left([learnt(9, '').digest], ['ben']), null);
});

test.run();
