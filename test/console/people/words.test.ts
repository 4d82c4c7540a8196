import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { knownFrom, shownOf } from '../../../console/people/words.ts';

const image = { digest: 'd', by: 'alice', at: '2026-11-26T02:00:00Z' };
const person = { person: 'Ada', fromNight: true, references: 1, images: [] };

test('people: known from the night, from enrolment, or from both', () => {
  assert.is(knownFrom({ fromNight: true, images: [] }), 'the night');
  assert.is(knownFrom({ fromNight: false, images: [image] }), 'enrolment');
  assert.is(knownFrom({ fromNight: true, images: [image] }), 'the night and enrolment');
  assert.is(knownFrom({ fromNight: false, images: [] }), '–');
});

test('people: how many there are, how many fit, and how many a page shows', () => {
  const people = [person, person];
  assert.is(shownOf({ people, found: 2, enrolled: 2 }, 1), '2 people');
  assert.is(shownOf({ people: [person], found: 1, enrolled: 1 }, 1), '1 person');
  assert.is(shownOf({ people, found: 2, enrolled: 1_200 }, 1), '2 of 1,200 people');
  assert.is(shownOf({ people, found: 60, enrolled: 60 }, 3), '60 people, 2 on page 3');
});

test.run();
