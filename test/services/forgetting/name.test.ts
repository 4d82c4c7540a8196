import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { wordsWithout } from '../../../services/forgetting/json-without.ts';
import { createMatcher, mentionsOf, personHash } from '../../../services/forgetting/name.ts';

test('name: all spellings of one name have one hash, another salt gives another', () => {
  const [composed, decomposed] = ['Zo\u00eb', ' Zoe\u0308 '];
  assert.is(personHash(composed, 'salt'), personHash(decomposed, 'salt'));
  assert.is.not(personHash(composed, 'salt'), personHash(composed, 'other'));
  const isPerson = createMatcher(personHash(composed, 'salt'), 'salt');
  assert.ok(isPerson(decomposed) && isPerson(composed) && !isPerson('Zoe'));
});

test('name: a mention is a whole name, in a sentence or a path, and no part of another word', () => {
  const { isIn } = mentionsOf(['Ali']);
  for (const text of ['Ali', 'doors/Ali/1.png', 'Ali, who is held out tonight', '"Ali" is no stranger'])
    assert.ok(isIn({ message: text }), text);
  for (const text of ['Alice', 'Alison and McAli', 'ali']) assert.not.ok(isIn({ message: text }), text);
  assert.ok(isIn({ worst: [{ person: 'Ali' }] }) && !isIn({ Ali: 1 }));
});

test('name: a model, a run or a key that is spelled like the person is no mention', () => {
  const { isIn, withoutName } = mentionsOf(['face']);
  assert.not.ok(isIn({ model: 'face', runId: 'face', key: 'face/r1/model.onnx' }));
  assert.ok(isIn({ person: 'face' }));
  assert.is(withoutName('of face.'), 'of (forgotten).');
});

test('name: a source, a state or a stage that is spelled like the person keeps its word, and what is said of them does not', () => {
  const run = {
    ...{ status: 'done', kind: 'night', value: 'completed', cause: 'train.completed', seen: ['r1.train.1'] },
    context: {
      stage: 'train',
      pipeline: { sources: [{ type: 'directory', name: 'doors' }] },
      verification: { verdict: 'blessed' },
    },
  };
  for (const name of ['done', 'night', 'completed', 'train', 'doors', 'blessed']) {
    const mentions = mentionsOf([name]);
    assert.not.ok(mentions.isIn(run), name);
    const failed = { ...run, failure: { code: 'INTERNAL', message: `no image of ${name}` } };
    assert.ok(mentions.isIn(failed), name);
    const failure = { code: 'INTERNAL', message: 'no image of (forgotten)' };
    assert.equal(wordsWithout(failed, mentions), { ...run, failure });
  }
});

test('name: a short name or a number is one only where it stands alone', () => {
  const { isIn } = mentionsOf(['Al', '7']);
  assert.ok(isIn({ person: 'Al' }) && isIn(['7']));
  assert.not.ok(isIn({ message: 'Al and 7 images' }));
});

test('name: without a known spelling nothing is a mention', () => {
  const { isIn, withoutName } = mentionsOf([]);
  assert.not.ok(isIn('anything'));
  assert.is(withoutName('anything'), 'anything');
});

test.run();
