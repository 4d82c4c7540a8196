/** Tags from outside: how many, how long, and what they may say. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TAG_LENGTH_MAX, TAGS_MAX, wrongTags } from '../../../services/data/tags.ts';

test('tags: none, the most and the longest are right', () => {
  assert.is(wrongTags([]), null);
  assert.is(wrongTags(Array.from({ length: TAGS_MAX }, (_, at) => `light: ${at}`)), null);
  assert.is(wrongTags(['x'.repeat(TAG_LENGTH_MAX)]), null);
});

for (const [what, tags] of [
  ['too many', Array.from({ length: TAGS_MAX + 1 }, (_, at) => `${at}`)],
  ['too long', ['x'.repeat(TAG_LENGTH_MAX + 1)]],
  ['empty', ['light', ' ']],
  ['of two lines', ['light\nleft']],
  ['no text', [7]],
  ['named like a source', ['source: auth']],
] as const)
  test(`tags: those that are ${what} are wrong`, () => assert.type(wrongTags(tags), 'string'));

test.run();
