/**
 * A context that the real NATS CLI has written: Nightshift logs in with it as the NATS CLI does. Skipped by name where no
 * `nats` is on the PATH (`go install github.com/nats-io/natscli/nats@v0.4.0`).
 */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { API } from '../../contracts/subjects.ts';
import { runCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { makeOperator } from '../support/operator.ts';
import { jetStreamIn, withOwnServer } from '../support/own-server.ts';

const run = promisify(execFile);
const hasCli = spawnSync('nats', ['--version']).status === 0;

if (!hasCli) console.log('SKIP NATS CLI: no `nats` on the PATH');

const WAYS: Readonly<Record<string, (folder: string) => Promise<{ settings: string; args: readonly string[] }>>> = {
  creds: async (folder) => {
    const operator = await makeOperator(folder);
    return { settings: operator.settings, args: ['--creds', await operator.creds('ann')] };
  },
  password: async () => ({
    settings: 'authorization { user: ann, password: SESAME }',
    args: ['--user', 'ann', '--password', 'SESAME'],
  }),
};

for (const [way, make] of Object.entries(WAYS)) {
  const name = `NATS CLI: its context with ${way} works for Nightshift`;
  test(hasCli ? name : `${name}: skipped, no \`nats\` on the PATH`, async () => {
    if (!hasCli) return assert.is(spawnSync('nats', ['--version']).status, null);
    await withFolder(async (cwd) => {
      const { settings, args } = await make(cwd);
      const env = { HOME: cwd, XDG_CONFIG_HOME: `${cwd}/config` };
      const nats = (...words: readonly string[]) => run('nats', words, { env: { ...process.env, ...env } });
      await withOwnServer(cwd, `${jetStreamIn(cwd)}\n${settings}`, async ({ address }) => {
        await nats('context', 'add', 'prod', '--server', `nats://${address}`, ...args, '--description', 'test');
        // The NATS CLI itself is let in.
        await nats('--context', 'prod', 'rtt');
        const { code, stderr } = await runCli(['--context', 'prod', 'runs'], { cwd, env });
        // Logged in, and nobody there who answers.
        assert.is(code, 1);
        assert.match(stderr, new RegExp(`nobody answered ${API.runs.replaceAll('.', '\\.')}`));
      });
    });
  });
}

test.run();
