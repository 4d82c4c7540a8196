import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RunsPageSchema } from '../../../actors/gateway/api-table.ts';
import { withGateway, type Served } from '../../support/gateway.ts';

test('gateway: the page of the console is for anybody, and may load nothing but the gateway', () =>
  withGateway(async (served) => {
    for (const path of ['/', '/console/main.js', '/console/main.css']) {
      const response = await served.fetch(path);
      assert.is(response.status, 200, path);
      const policy = response.headers.get('content-security-policy')!;
      assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'/);
      assert.not.match(policy, /unsafe|\*/);
      assert.is(response.headers.get('x-content-type-options'), 'nosniff');
      assert.is(response.headers.get('content-encoding'), 'gzip');
      const again = await served.fetch(path, { headers: { 'if-none-match': response.headers.get('etag')! } });
      assert.equal([again.status, await again.text()], [304, '']);
    }
    const plain = await served.fetch('/', { headers: { 'accept-encoding': 'identity' } });
    assert.match(await plain.text(), /^<!doctype html>/);
    await asksWho(served);
    await evidenceIsForOperators(served);
    const page = RunsPageSchema.parse(await (await served.fetch('/api/v1/runs?state=failed&status=done')).json());
    assert.equal(page, { runs: [], next: null, total: 0 });
    assert.is((await served.fetch('/api/v1/runs?state=singing')).status, 400);
    assert.is((await served.fetch('/api/v1/runs?cursor=n9')).status, 404);
  }));

async function asksWho(served: Served): Promise<void> {
  const me = async (as?: 'operator' | 'viewer') => (await served.fetch('/api/v1/me', as ? { as } : {})).json();
  assert.equal(await me(), { name: 'anonymous', role: 'viewer', who: null, may: ['read'] });
  assert.equal(await me('viewer'), { name: 'viewer', role: 'viewer', who: null, may: ['read'] });
  const may = ['read', 'evidence', 'command', 'people', 'approve'];
  assert.equal(await me('operator'), { name: 'operator', role: 'operator', who: null, may });
}

/** Of a run that there is not: test/e2e/console.test.ts reads that of a night. */
async function evidenceIsForOperators(served: Served): Promise<void> {
  for (const path of ['/api/v1/runs/n1/evidence', '/api/v1/runs/n1/report']) {
    const statusFor = async (as?: 'operator' | 'viewer' | 'door') =>
      (await served.fetch(path, as ? { as } : {})).status;
    assert.equal(
      [await statusFor(), await statusFor('viewer'), await statusFor('door'), await statusFor('operator')],
      [401, 403, 403, 404],
    );
  }
}

test.run();
