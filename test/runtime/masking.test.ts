/** Secrets are taken out of what others say. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createMask } from '../../runtime/masking.ts';

test('masking: each place of each secret is replaced, also of one that is part of another', () => {
  const masked = createMask(['s3cret', 's3cret-longer', 'a.b*$&']);
  assert.is(masked('s3cret-longer, s3cret, s3crets3cret and a.b*$&.'), '***, ***, ****** and ***.');
  assert.is(masked('nothing'), 'nothing');
});

test('masking: a secret of several lines is found line by line', () => {
  const masked = createMask(['-----BEGIN KEY-----\nMIIBVgIBADAN\n-----END KEY-----']);
  assert.is(masked('key: MIIBVgIBADAN'), 'key: ***');
});

test('masking: a secret so short that any text has it by chance is left alone', () => {
  assert.is(createMask(['ab', ''])('abab'), 'abab');
});

test.run();
