/** The section `gateway`: nobody listens to the world without a login, and no secret is written into a file. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GatewayConfigSchema, variablesOfLogins } from '../../../infra/config/gateway.ts';

const token = { env: 'DOOR_TOKEN' };
const problemsOf = (section: object) =>
  GatewayConfigSchema.safeParse(section).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ??
  [];

test('gateway: any address but loopback demands a login or an authority of clients', () => {
  assert.match(problemsOf({ host: '0.0.0.0' }).join(), /^host: 0.0.0.0 is no loopback address/);
  assert.equal(problemsOf({ host: '::1' }), []);
  assert.equal(problemsOf({ host: '0.0.0.0', logins: { door: { token, role: 'door' } } }), []);
  assert.equal(problemsOf({ host: '0.0.0.0', tls: { cert: 'a', key: 'b', clientCa: 'c' } }), []);
  assert.is(problemsOf({ host: '0.0.0.0', tls: { cert: 'a', key: 'b' } }).length, 1);
});

test('gateway: a login has a proof of its own, names where its secrets are, and one login at NATS', () => {
  const login = (settings: object) => problemsOf({ logins: { door: { role: 'door', ...settings } } });
  assert.match(login({}).join(), /needs a token or a certificate/);
  assert.match(login({ token: 'secret' }).join(), /a secret is not written here itself/);
  assert.match(login({ certificate: 'AB:CD' }).join(), /fingerprint/);
  assert.match(login({ token, creds: { file: 'a' }, nkey: { file: 'b' } }).join(), /not both/);
  assert.match(login({ token, role: 'orchestrator' }).join(), /role/);
  assert.match(login({ token, who: 'operator' }).join(), /who/);
});

test('gateway: the variables of its secrets are known, so that no other actor gets them', () => {
  const logins = {
    door: { token, role: 'door', nkey: { env: 'DOOR_NKEY' } },
    desk: { token: { file: 'x' }, role: 'viewer' },
  };
  assert.equal(variablesOfLogins(GatewayConfigSchema.parse({ logins })), ['DOOR_TOKEN', 'DOOR_NKEY']);
});

test.run();
