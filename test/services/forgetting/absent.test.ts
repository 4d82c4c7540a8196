import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { absentPeople, type CollectedNight } from '../../../services/forgetting/absent.ts';

const day = (number: number) => new Date(Date.UTC(2026, 0, number));
const night = (number: number, people: readonly string[], model = 'face'): CollectedNight => ({
  ...{ model, at: day(number), people },
});

test('absent: counted from the first night without the person', () => {
  const nights = [night(1, ['Ada', 'Bob']), night(5, ['Bob']), night(9, ['Bob'])];
  assert.equal(absentPeople(nights, day(34), 30), []);
  assert.equal(absentPeople(nights, day(35), 30), ['Ada']);
  assert.equal(absentPeople(nights.toReversed(), day(35), 30), ['Ada'], 'the order of the nights is their dates');
});

test('absent: a night with nobody after a long pause makes nobody forgotten', () => {
  const nights = [night(1, ['Ada', 'Bob']), night(90, [])];
  assert.equal(absentPeople(nights, day(91), 30), []);
});

test('absent: a person who came back, also in another spelling, is present', () => {
  const nights = [night(1, ['Zo\u00eb']), night(2, []), night(3, ['Zoe\u0308'])];
  assert.equal(absentPeople(nights, day(365), 30), []);
});

test('absent: gone from one model is not gone while another has them, and both count', () => {
  const gone = [night(1, ['Ada']), night(2, [])];
  assert.equal(absentPeople([...gone, night(3, ['Ada'], 'badge')], day(365), 30), []);
  const later = [...gone, night(3, ['Ada'], 'badge'), night(20, [], 'badge')];
  assert.equal(absentPeople(later, day(49), 30), []);
  assert.equal(absentPeople(later, day(50), 30), ['Ada']);
});

test.run();
