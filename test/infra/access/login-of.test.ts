import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { environmentFor, onlyFor } from '../../../infra/access/login-of.ts';
import { NatsConfigSchema } from '../../../infra/config/nats.ts';

const nats = NatsConfigSchema.parse({
  url: 'nats://far:4222',
  user: 'all',
  password: { env: 'SHARED' },
  roles: { trainer: { nkey: { env: 'TRAINER' } }, verifier: { nkey: { env: 'VERIFIER' } } },
});

test('login-of: the process of one role has the settings of no other', () => {
  assert.equal(onlyFor(nats, 'trainer').roles, { trainer: { nkey: { env: 'TRAINER' } } });
  assert.is(onlyFor(nats, 'collector').roles, undefined);
  assert.is(onlyFor(nats, 'trainer').user, 'all');
});

test('login-of: the process of one role has no variable with the secret of another', () => {
  const env = { SHARED: '1', TRAINER: '2', VERIFIER: '3', PATH: '/bin' };
  assert.equal(environmentFor(nats, 'trainer', env), { SHARED: '1', TRAINER: '2', PATH: '/bin' });
  assert.equal(environmentFor(nats, 'collector', env), { SHARED: '1', PATH: '/bin' });
});

test.run();
