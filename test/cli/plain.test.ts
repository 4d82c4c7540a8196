/** Text from outside cannot steer a terminal. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { plain } from '../../cli/plain.ts';

test('plain: controls and marks of direction stand by their codes; letters, joiners and line breaks stay', () => {
  assert.is(plain('\u001B]0;mine\u0007 a\u009Bb'), '<U+001B>]0;mine<U+0007> a<U+009B>b');
  assert.is(plain('\u202Emoc'), '<U+202E>moc');
  const persian = '\u0646\u06CC\u06A9\u200C\u0646\u0627\u0645';
  assert.is(plain(`${persian}\nZo\u00E9`), `${persian}\nZo\u00E9`);
});

test.run();
