import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { error, unread, warning, worstFirst } from '../../../infra/health/finding.ts';

test('doctor: errors stand before warnings, and those before what could not be read', () => {
  const found = [unread('u', '', ''), warning('w1', '', ''), error('e', '', ''), warning('w2', '', '')];
  assert.equal(
    worstFirst(found).map(({ id }) => id),
    ['e', 'w1', 'w2', 'u'],
  );
});

test.run();
