/**
 * A newcomer's folder: `start` makes the keys, commands beside it find them, a context of the NATS CLI is written, and
 * `--insecure` says what it is. The NATS CLI itself reads the context where there is one on the PATH.
 */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { API, CTL } from '../../contracts/subjects.ts';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { runCli, serverOf, withCli } from '../support/cli.ts';
import { deployTinyChampion } from '../support/champion.ts';
import { withFolder } from '../support/folder.ts';
import { withRoles } from '../support/identities.ts';

const hasNats = spawnSync('nats', ['--version']).status === 0;
const MODELS = { face: { sources: [{ type: 'directory', name: 'faces', path: 'faces' }] } };
const inFolder = (use: (cwd: string) => Promise<void>) =>
  withFolder(async (cwd) => {
    writeFileSync(
      join(cwd, CONFIG_FILE),
      JSON.stringify({ nats: { port: 0 }, log: { level: 'warn' }, models: MODELS }),
    );
    await use(cwd);
  });

test('auth: commands beside `start` log in by themselves, and from elsewhere nobody does', () =>
  inFolder((cwd) =>
    withCli(['start'], { cwd }, async (system) => {
      const url = await serverOf(system);
      const env = { NATS_URL: url };
      const status = await runCli(['status', '--json'], { cwd, env });
      assert.is(status.code, 0, status.stderr);
      await withFolder(async (elsewhere) => {
        const refused = await runCli(['status'], { cwd: elsewhere, env });
        assert.is(refused.code, 1);
        assert.match(
          refused.stderr,
          /demands a login, and none is configured: .*NIGHTSHIFT_STORE.*\[LOGIN_REFUSED\]\n$/,
        );
        const named = { ...env, NIGHTSHIFT_STORE: join(cwd, '.nightshift') };
        assert.is((await runCli(['status'], { cwd: elsewhere, env: named })).code, 0);
      });
    }),
  ));

test('auth: nobody is exported under the name of a role, with more than a name and a role, or twice', () =>
  withFolder(async (cwd) => {
    const refused = [
      ['trainer:operator'],
      ['a*:operator'],
      ['a\nb:operator'],
      ["a'b:operator"],
      ['ada:operator:enroller'],
    ];
    for (const people of [...refused, ['ada:operator', 'ada:enroller'], ['ada:operator', 'ada:operator']]) {
      const options = people.flatMap((person) => ['--person', person]);
      for (const format of ['conf', 'nsc']) {
        const { code, stdout } = await runCli(['auth', 'export', '--format', format, ...options], { cwd });
        assert.equal([code, stdout], [2, ''], people.join());
      }
    }
  }));

test('auth: a context of the NATS CLI has address, key and inbox of the role', () =>
  inFolder((cwd) =>
    withCli(['start'], { cwd }, async (system) => {
      const url = await serverOf(system);
      const env = { XDG_CONFIG_HOME: join(cwd, 'config') };
      const { code, stdout, stderr } = await runCli(['auth', 'context', 'operator', 'door'], { cwd, env });
      assert.is(code, 0, stderr);
      assert.match(stdout, /nightshift-operator\.json: nats --context nightshift-operator \.\.\.\n/);
      const file = join(cwd, 'config/nats/context/nightshift-operator.json');
      assert.is(statSync(file).mode & 0o777, 0o600);
      const context = JSON.parse(readFileSync(file, 'utf8'));
      const nkey = join(cwd, '.nightshift/keys/operator.nk');
      assert.equal([context.url, context.nkey, context.inbox_prefix], [url, nkey, '_INBOX_nightshift_operator']);
      // What the NATS CLI understands, Nightshift does as well: from another folder, by the context alone.
      await withFolder(async (elsewhere) => {
        const byContext = await runCli(['--context', 'nightshift-operator', 'status'], { cwd: elsewhere, env });
        assert.is(byContext.code, 0, byContext.stderr);
      });
      if (!hasNats) return console.log('SKIP the NATS CLI: no `nats` on the PATH');
      const nats = (...args: string[]) => promisify(execFile)('nats', args, { env: { ...process.env, ...env } });
      await nats('--context', 'nightshift-operator', 'pub', CTL.pipelineStart, '{"model":"face"}');
      assert.match((await nats('--context', 'nightshift-operator', 'req', API.status, '')).stdout, /"model":"face"/);
    }),
  ));

test('auth: a release is exported and a record restored with the keys of those who may', () =>
  inFolder((cwd) =>
    withCli(['start'], { cwd }, async (system) => {
      const url = await serverOf(system);
      const started = { url, storeDir: join(cwd, '.nightshift') };
      await withRoles(started, ['orchestrator', 'verifier'], ({ orchestrator, verifier }) =>
        deployTinyChampion(orchestrator.nc, { verifier: verifier.nc, store: started.storeDir }),
      );
      const env = { NATS_URL: url };
      const exported = await runCli(['release', 'export', 'face', '--out', 'out', '--json'], { cwd, env });
      assert.is(exported.code, 0, exported.stderr);
      const { isChecked, files } = JSON.parse(exported.stdout) as { isChecked: boolean; files: string[] };
      assert.ok(isChecked && files.includes('model.onnx'));
      const restored = await runCli(['release', 'restore', 'face', '--json'], { cwd, env });
      assert.is(restored.code, 0, restored.stderr);
      assert.is((JSON.parse(restored.stdout) as { release: number }).release, 1);
    }),
  ));

test('auth: contexts need the keys of a server that was started', () =>
  withFolder(async (cwd) => {
    const { code, stderr } = await runCli(['auth', 'context', 'door'], { cwd });
    assert.is(code, 2);
    assert.match(stderr, /there are no keys in \.nightshift.*\[CONFIG_INVALID\]\n$/);
  }));

test('auth: `start --insecure` says in one line what it is, and asks nobody who it is', () =>
  inFolder((cwd) =>
    withCli(['start', '--insecure'], { cwd }, async (system) => {
      const url = await serverOf(system);
      await system.printed(/^nightshift: INSECURE: the nats-server asks nobody who it is, .*$/m);
      assert.not.match(system.output(), /--context/);
      await withFolder(async (elsewhere) => {
        const { code, stderr } = await runCli(['status'], { cwd: elsewhere, env: { NATS_URL: url } });
        assert.is(code, 0, stderr);
      });
      const check = await runCli(['auth', 'check'], { cwd, env: { NATS_URL: url } });
      assert.is(check.code, 1);
      assert.match(check.stdout, /anonymous .* connect .* refused .* allowed {2}<-- WRONG/);
    }),
  ));

test.run();
