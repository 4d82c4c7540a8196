/** Pages that would cost their reader a minute or gigabytes are refused before they are parsed; all others pass. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bloatedPage } from '../../../services/data/bloated-page.ts';

const refused = (text: string) => bloatedPage(Buffer.from(text));
const page = (samples: string) => `{"samples":[${samples}],"nextCursor":null}`;

test('bloated page: a hundred thousand samples pass, also as lines and with space around each value', () => {
  const entry = { id: 'auth-17', label: 'Ada "the first" \\', imageUrl: '/17.png', tags: ['light: left'] };
  const entries = Array.from({ length: 100_000 }, () => JSON.stringify(entry));
  assert.is(refused(page(entries.join(','))), null);
  assert.is(refused(entries.join('\n')), null);
  assert.is(refused(JSON.stringify({ samples: Array.from({ length: 50_000 }, () => entry) }, null, 1)), null);
});

test('bloated page: millions of values, lines or levels are refused, with the limit', () => {
  assert.match(refused(page('1,'.repeat(2_000_000)))!, /more than 1000000 values/);
  assert.match(refused(page('{},'.repeat(600_000)))!, /more than 1000000 values/);
  assert.match(refused('1\n'.repeat(2_000_000))!, /more than 1000000 values/);
  assert.match(refused(page('['.repeat(5_000_000)))!, /more than 32 levels/);
  assert.match(refused('{"a":'.repeat(1_000_000))!, /more than 32 levels/);
});

test('bloated page: what stands in a text counts as text, whatever it is', () => {
  const text = JSON.stringify(`${'[{,'.repeat(1_000_000)}\n"\\`);
  assert.is(refused(page(`{"id":${text},"label":${text}}`)), null);
  assert.match(refused(page(`{"id":${text},"label":${'['.repeat(40)}`))!, /levels/);
  assert.is(
    refused(`{"samples":["${','.repeat(2_000_000)}`),
    null,
    'a text that does not end is for the parser to refuse',
  );
});

test.run();
