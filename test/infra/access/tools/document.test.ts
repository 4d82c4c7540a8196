/** docs/security.md has the rights as they are. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PAGE, withRights } from '../../../../infra/access/tools/document.ts';

test('security page: it shows the rights as they are (npm run docs:security writes them)', async () => {
  const page = readFileSync(PAGE, 'utf8');
  assert.is(page, await withRights(page));
});

test('security page: another right in it is noticed', async () => {
  const page = readFileSync(PAGE, 'utf8');
  const changed = page.replace('nightshift.infer.*.identify', 'nightshift.infer.>');
  assert.is.not(changed, page);
  assert.is(await withRights(changed), page);
});

test.run();
