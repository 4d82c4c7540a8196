import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lackOfStrangers } from '../../../services/decision/enough.ts';

test('enough: five strangers or five people held out', () => {
  assert.is(lackOfStrangers({ strangers: 5, heldOut: 0, people: 2 }, 'serve-first'), null);
  assert.is(lackOfStrangers({ strangers: 0, heldOut: 5, people: 15 }, 'reject'), null);
});

test('enough: fewer are named, with what is missing', () => {
  const heldOut = lackOfStrangers({ strangers: 0, heldOut: 0, people: 2 }, 'serve-first');
  assert.match(heldOut!, /^0 of 2 people are held out.*at least 5 are needed.*source of strangers.*at least 15 people/);
  assert.match(lackOfStrangers({ strangers: 4, heldOut: 9, people: 40 }, 'reject')!, /show 4 people/);
  const classes = lackOfStrangers({ strangers: 0, heldOut: 1, people: 10 }, 'reject', {
    one: 'class',
    many: 'classes',
  });
  assert.match(classes!, /^1 of 10 classes are held out .* collect at least 15 classes/);
});

test('enough: whoever wants to serve without knowing needs two', () => {
  assert.is(lackOfStrangers({ strangers: 0, heldOut: 2, people: 6 }, 'serve'), null);
  assert.match(lackOfStrangers({ strangers: 0, heldOut: 1, people: 3 }, 'serve')!, /at least 2 are needed/);
});

test.run();
