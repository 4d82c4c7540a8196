/** Who sent a command: a person, a role, or nobody who was asked. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { identityOf, isSender, isWho, WhoSchema } from '../../contracts/identity.ts';
import { ROLES } from '../../contracts/roles.ts';

test('identity: a person or a role where the server demands a login, and less where it does not', () => {
  assert.equal(identityOf('alice', 'operator', true), { by: 'alice', proven: true });
  assert.equal(identityOf(null, 'operator', true), { by: 'operator', proven: true });
  assert.equal(identityOf(null, 'enroller', true), { by: 'enroller', proven: true });
  assert.equal(identityOf('alice', 'operator', false), { by: 'alice, unproven', proven: false });
  assert.equal(identityOf(null, 'operator', false), { by: 'anonymous', proven: false });
});

test('identity: nobody is called like a role, a program or nobody, or has more in the name than one token', () => {
  for (const name of ['alice', 'Bob-2', 'a'.repeat(64)]) assert.ok(isWho(name), name);
  const others = [...ROLES, 'schedule', 'guard', 'anonymous', '', 'a b', 'a.b', 'alice, unproven', '*'];
  for (const name of [...others, 'a'.repeat(65)]) assert.not(isWho(name), name);
  assert.match(WhoSchema.safeParse('guard').error!.issues[0]!.message, /none of setup, orchestrator/); // It was refused above.
});

test('identity: the janitor alone, of the programs, sends commands', () => {
  for (const sender of ['alice', 'janitor']) assert.ok(isSender(sender), sender);
  for (const other of ['operator', 'schedule', 'guard', 'trainer', '*', '']) assert.not(isSender(other), other);
});

test.run();
