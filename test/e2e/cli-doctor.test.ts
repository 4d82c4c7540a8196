/** `nightshift doctor` as a user meets it: a system in order, a login that sees little, and nothing to look at. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Finding } from '../../infra/health/finding.ts';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { runCli, serverOf, withCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { withServer } from '../support/server.ts';

interface Told {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

test('cli: doctor finds no error in a system that was just started, and says what a viewer may not see', () =>
  withFolder(async (cwd) => {
    await writeFile(join(cwd, CONFIG_FILE), JSON.stringify({ nats: { port: 0 }, log: { level: 'warn' } }));
    await withCli(['start'], { cwd }, async (cli) => {
      const url = await serverOf(cli);
      await cli.printed(/Ctrl-C stops everything/);
      const { code, stdout, stderr } = await runCli(['doctor', '--json', '--server', url], { cwd });
      assert.equal([code, stderr], [0, ''], stdout);
      const { ok, findings } = JSON.parse(stdout) as Told;
      assert.ok(ok);
      assert.equal(
        findings.filter(({ severity }) => severity !== 'warning'),
        [],
      );
      assert.match((await runCli(['--server', url, 'doctor'], { cwd })).stdout, /: 0 errors, \d+ warnings\n$/);

      const roles = { viewer: { nkey: { file: join(cwd, '.nightshift/keys/viewer.nk') } } };
      await writeFile(join(cwd, 'viewer.json'), JSON.stringify({ nats: { url, roles } }));
      const viewer = await runCli(['doctor', '--json', '--config', 'viewer.json'], { cwd });
      assert.equal([viewer.code, viewer.stderr], [0, ''], viewer.stdout);
      const unread = (JSON.parse(viewer.stdout) as Told).findings.filter(({ severity }) => severity === 'unread');
      assert.equal(
        unread.map(({ id }) => id),
        ['jetstream.rights'],
      );
    });
  }));

test('cli: doctor ends with 1 if something is wrong, and says how to mend it', () =>
  withFolder((cwd) =>
    withServer(async ({ url }) => {
      const { code, stdout } = await runCli(['doctor', '--server', url], { cwd });
      assert.is(code, 1, stdout);
      assert.match(
        stdout,
        /^error {4}nobody answered .*\[orchestrator\.silent\]\n +start one: `nightshift actor orchestrator`/m,
      );
      assert.match(stdout, /^warning {2}no trainer takes from the consumer train-start \[consumer\.idle\]$/m);
    }),
  ));

test('cli: doctor ends with 2 if it could not look, in words and in JSON', () =>
  withFolder(async (cwd) => {
    const { code, stdout, stderr } = await runCli(['doctor', '--json', '--server', 'nats://127.0.0.1:1'], { cwd });
    assert.is(code, 2);
    assert.match(stderr, /^nightshift: could not look: no nats-server answers at .*\[NATS_UNAVAILABLE\]\n$/);
    assert.is((JSON.parse(stdout) as { failure: { code: string } }).failure.code, 'NATS_UNAVAILABLE');
  }));

test.run();
