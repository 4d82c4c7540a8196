import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { error, unread, warning, worstFirst } from '../../../infra/health/finding.ts';

test('doctor: errors stand before warnings, and those before what could not be read, each once', () => {
  const found = [unread('u', '1', ''), warning('w1', '2', ''), error('e', '3', ''), warning('w2', '4', '')];
  assert.equal(
    worstFirst([...found, found[2]!]).map(({ id }) => id),
    ['e', 'w1', 'w2', 'u'],
  );
});

test.run();
