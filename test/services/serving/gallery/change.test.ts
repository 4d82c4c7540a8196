import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isMade, make, personOf } from '../../../../services/serving/gallery/change.ts';
import { IMAGES_PER_PERSON_MAX, People } from '../../../../services/serving/gallery/people.ts';
import { failureOf } from '../../../support/failures.ts';
import { decisionAt } from '../../../support/tiny-data.ts';

const EMBEDDING = Float32Array.of(1, 0);
const image = (index: number) => Uint8Array.of(1, index);
const noPeople = () => new People({ labels: [], embeddings: new Float32Array(0), decision: decisionAt(0.5) }, 2);

test('change: an image is added once, and a removal takes all images of the person', () => {
  const people = noPeople();
  assert.is(isMade(people, { person: 'ada', image: image(1) }), false);
  make(people, { person: 'ada', image: image(1) }, EMBEDDING);
  assert.is(isMade(people, { person: 'ada', image: image(1) }), true);
  assert.is(isMade(people, { person: 'ada', image: image(2) }), false);
  assert.is(isMade(people, { person: 'ada', image: null }), false);
  make(people, { person: 'ada', image: null }, null);
  assert.not(people.has('ada'));
});

test('change: an image that could not be embedded changes nothing', () => {
  const people = noPeople();
  make(people, { person: 'ada', image: image(1) }, null);
  assert.is(people.count, 0);
});

test('change: one image more than a person may have is GALLERY_FULL, the removal of an unknown person PERSON_UNKNOWN', async () => {
  const people = noPeople();
  for (let i = 0; i < IMAGES_PER_PERSON_MAX; i++) make(people, { person: 'ada', image: image(i) }, EMBEDDING);
  const full = await failureOf(() => isMade(people, { person: 'ada', image: image(IMAGES_PER_PERSON_MAX) }));
  assert.is(full.code, 'GALLERY_FULL');
  assert.is(isMade(people, { person: 'ada', image: image(0) }), true, 'it is there already');
  assert.is((await failureOf(() => isMade(people, { person: 'ben', image: null }))).code, 'PERSON_UNKNOWN');
});

test('change: a request that names nobody is REQUEST_INVALID', async () => {
  assert.is(personOf({ verb: 'enroll', person: 'Ünal "x", 2nd' }), 'Ünal "x", 2nd');
  assert.is((await failureOf(() => personOf({ verb: 'remove', person: null }))).code, 'REQUEST_INVALID');
});

test('change: a name comes in its form; nobody new has what cannot be seen in it, and people of before are removed', async () => {
  assert.is(personOf({ verb: 'enroll', person: ' Zoe\u0301 ' }), 'Zoé');
  const unseen = 'Ada\u200f';
  const failure = await failureOf(() => personOf({ verb: 'enroll', person: unseen }));
  assert.match(failure.message, /^enroll request: .* U\+200F, which cannot be seen/);
  assert.is(personOf({ verb: 'remove', person: unseen }), unseen);
});

/** A gallery of before 0.6.0 spells names as its sources did. */
const spelled = (...labels: string[]) => {
  const embeddings = new Float32Array(labels.length * 2).fill(1);
  return new People({ labels, embeddings, decision: decisionAt(0.5) }, 2);
};

test('change: of an older gallery the person is found by the form of the name, and by this spelling before any other', () => {
  const alone = spelled('Ada ', 'Zoe\u0301', 'ben');
  assert.is(isMade(alone, { person: 'Ada', image: null }), false);
  make(alone, { person: 'Ada', image: null }, null);
  assert.equal(alone.names, ['Zoe\u0301', 'ben']);
  make(alone, { person: 'Zoé', image: image(1) }, EMBEDDING);
  assert.equal([alone.count, alone.imagesOf('Zoé').size], [2, 1]);
  make(alone, { person: 'Zoé', image: null }, null);
  assert.equal(alone.names, ['ben']);
  const both = spelled('Ada ', 'Ada');
  make(both, { person: 'Ada', image: null }, null);
  assert.equal(both.names, ['Ada '], 'the namesake stays');
});

test('change: if it may be any of several, none is removed, and the answer says so', async () => {
  const people = spelled('Ada ', 'Ada  ');
  const failure = await failureOf(() => isMade(people, { person: 'Ada', image: null }));
  assert.is(failure.code, 'REQUEST_INVALID');
  assert.match(failure.message, /this release knows "Ada " and "Ada  ", and "Ada" may be any of them/);
  make(people, { person: 'Ada', image: null }, null);
  assert.is(people.count, 2);
});

test.run();
