/**
 * Attack 4: a server that asks who one is could not be used at all. Now an administrator's server takes the exported rights,
 * each actor logs in by an nkey of its own, and a key that the server does not know is refused in a sentence. Other ways to
 * log in: test/e2e/login.test.ts.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nkeys } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ROLES, type Role } from '../../contracts/roles.ts';
import { CONFIG_FILE, loadConfig } from '../../infra/config/config.ts';
import { startSystem } from '../../main.ts';
import { runCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { jetStreamIn, withOwnServer } from '../support/own-server.ts';
import { MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';

const SECRET = /\bSU[A-Z2-7]{56}/;

test("attack 4: a whole system works on an administrator's server with the exported rights and an nkey for each role", () =>
  withFolder(async (cwd) => {
    const exported = await runCli(['auth', 'export', '--format', 'conf'], { cwd });
    assert.is(exported.code, 0, exported.stderr);
    const authorization = ROLES.reduce(
      (text, role) => text.replace(`<public nkey of ${role}>`, keyFor(cwd, role)),
      exported.stdout,
    );
    await withOwnServer(cwd, `${jetStreamIn(cwd)}\n${authorization}`, async ({ address }) => {
      const roles = Object.fromEntries(ROLES.map((role) => [role, { nkey: { file: `${role}.nk` } }]));
      const nats = { url: `nats://${address}`, roles };
      const sources = [{ type: 'directory', name: 'faces', path: 'faces' }];
      const path = join(cwd, CONFIG_FILE);
      writeFileSync(path, JSON.stringify({ nats, log: { level: 'warn' }, models: { [MODEL]: { sources } } }));
      const wouldBe = await runCli(['setup', '--dry-run'], { cwd });
      assert.match(wouldBe.stdout, /would be made: stream nightshift_EVENTS\n/, wouldBe.stderr);
      const made = await runCli(['setup'], { cwd });
      assert.is(made.code, 0, made.stderr);
      const again = await runCli(['setup', '--json'], { cwd });
      assert.equal(JSON.parse(again.stdout), {
        missing: [],
        changes: [],
        dryRun: false,
        replicas: 1,
        namespace: 'nightshift',
      });
      const system = await startSystem(loadConfig({ path, env: {} }), testLogger());
      try {
        const status = await runCli(['status', '--json'], { cwd });
        assert.is(status.code, 0, status.stderr);
        const check = await runCli(['auth', 'check', '--json'], { cwd });
        assert.equal([check.code, JSON.parse(check.stdout).isRight], [0, true], check.stderr);
        await refusesStrangers(cwd);
      } finally {
        await system.stop();
      }
    });
  }));

async function refusesStrangers(cwd: string): Promise<void> {
  keyFor(cwd, 'operator');
  const { code, stderr } = await runCli(['status'], { cwd });
  assert.is(code, 1);
  assert.match(stderr, /does not accept the nkey U\S+ from the file \S+operator\.nk .*\[LOGIN_REFUSED\]\n$/);
  assert.not.match(stderr, SECRET);
}

/** Writes a new one; returns its public half. */
function keyFor(folder: string, role: Role): string {
  const pair = nkeys.createUser();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${role}.nk`), pair.getSeed());
  return pair.getPublicKey();
}

test.run();
