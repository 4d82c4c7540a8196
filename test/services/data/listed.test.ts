/** Twenty names are listed, of those that belong together five, and the number of the others. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { listed, together } from '../../../services/data/listed.ts';

const names = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`);

test('listed: all names as far as there is room, else how many more there are', () => {
  assert.is(listed([]), '');
  assert.is(listed(names(20)), names(20).join(', '));
  assert.is(listed(names(23)), `${names(20).join(', ')} and 3 more`);
  assert.is(listed(names(22), '; '), `${names(20).join('; ')} and 2 more`);
});

test('listed: of names that belong together five are said', () => {
  assert.is(together(names(2)), 'n0 and n1');
  assert.is(together(names(9)), 'n0 and n1 and n2 and n3 and n4 and 4 more');
});

test.run();
