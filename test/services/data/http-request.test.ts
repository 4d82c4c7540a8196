/** What a request to a data service carries, and what of its address is shown. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { accessOf, shownUrl } from '../../../services/data/http-request.ts';
import { failureOf } from '../../support/samples.ts';

process.env['NIGHTSHIFT_TEST_TOKEN'] = 's3cret';
process.env['NIGHTSHIFT_TEST_BROKEN'] = 's3cret\ncut';
const SECRET = { env: 'NIGHTSHIFT_TEST_TOKEN' };
const SOURCE = { name: 'auth', url: 'http://auth.internal/faces?site=7' };

test('http request: bearer, headers and parameters are texts or secrets', () => {
  const { query, headers } = accessOf({
    ...SOURCE,
    bearer: SECRET,
    headers: { 'x-site': 'north', 'x-key': SECRET },
    query: { token: SECRET },
  });
  assert.equal(query, { token: 's3cret' });
  assert.equal(headers, { 'x-site': 'north', 'x-key': 's3cret', authorization: 'Bearer s3cret' });
  assert.equal(accessOf(SOURCE), { query: {}, headers: {} });
});

test('http request: a secret that no header may hold is refused without being shown', async () => {
  const headers = { 'x-key': { env: 'NIGHTSHIFT_TEST_BROKEN' } };
  const { code, message } = await failureOf((async () => accessOf({ ...SOURCE, headers }))());
  assert.is(code, 'CONFIG_INVALID');
  assert.match(message, /^source "auth": the value of the header x-key has characters/);
  assert.not.match(message, 's3cret');
});

test('http request: an address is shown without what could be a secret', () => {
  assert.is(shownUrl('https://ada:pass@auth.internal:8443/hook/s3cret?token=s3cret#x'), 'https://auth.internal:8443');
});

test.run();
