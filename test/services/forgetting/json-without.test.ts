import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { jsonWithout, wordsWithout } from '../../../services/forgetting/json-without.ts';
import { mentionsOf } from '../../../services/forgetting/name.ts';

const theirs = { mentions: mentionsOf(['Ada']), isPicture: (base64: string) => base64 === 'hers' };

test('json-without: entries that name or show the person are left out, sentences lose the name, the rest stays', () => {
  const report = {
    model: 'Ada',
    worst: [
      { image: 'doors/Ada/1.png', picture: 'x', person: 'Bob' },
      { image: 'doors/17', picture: 'hers', person: 'Bob' },
      { image: 'doors/18', picture: 'y', person: 'Bob' },
    ],
    people: ['Ada', 'Bob'],
    sentence: 'the champion has learned Ada, who is held out tonight',
    nested: { list: [{ inner: { person: 'Ada' } }] },
    total: 3,
  };
  assert.equal(jsonWithout(report, theirs), {
    model: 'Ada',
    worst: [{ image: 'doors/18', picture: 'y', person: 'Bob' }],
    people: ['Bob'],
    sentence: 'the champion has learned (forgotten), who is held out tonight',
    nested: { list: [{ inner: { person: '(forgotten)' } }] },
    total: 3,
  });
});

test('json-without: where each entry of a list counts, words alone are replaced', () => {
  const record = { sources: [{ path: '/srv/Ada', name: 'Ada' }], people: ['Ada'], reasons: ['of Ada'] };
  assert.equal(wordsWithout(record, theirs.mentions), {
    sources: [{ path: '/srv/Ada', name: '(forgotten)' }],
    people: ['(forgotten)'],
    reasons: ['of (forgotten)'],
  });
});

test('json-without: what does not speak of the person is the same object', () => {
  const report = { people: ['Bob'], worst: [{ person: 'Bob', picture: 'y' }], none: null };
  assert.is(jsonWithout(report, theirs), report);
});

test.run();
