/** The options that every command has, wherever they stand; addresses of servers, as one or as several. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { runCli, withCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { withServer } from '../support/server.ts';

/** Nobody listens there. */
const [DEAD, DEAD_TOO] = ['nats://127.0.0.1:1', 'nats://127.0.0.1:2'];

test('cli: a global option counts before the command, after it, and after a command of a command', () =>
  withFolder(async (cwd) => {
    const absent = /^nightshift: the file \S*absent\.json does not exist.*\n$/;
    for (const args of [
      ['--config', 'absent.json', 'start'],
      ['start', '--config', 'absent.json'],
      ['start', '--insecure', '--config', 'absent.json'],
      ['actor', 'trainer', '--config', 'absent.json'],
      ['dlq', 'list', '--limit', '3', '--config', 'absent.json'],
      ['run', 'show', 'n1', '--config=absent.json', '--json'],
    ]) {
      const { code, stderr } = await runCli(args, { cwd });
      assert.match(stderr, absent, args.join(' '));
      assert.is(code, 2, args.join(' '));
    }
  }));

test('cli: a list of servers is one wherever it stands, and each of them is tried', () =>
  withFolder((cwd) =>
    withServer(async ({ url }) => {
      const list = `${DEAD}, ${url}`;
      await writeFile(join(cwd, 'list.json'), JSON.stringify({ nats: { url: list } }));
      const ways: readonly (readonly [readonly string[], Record<string, string>])[] = [
        [['--server', list], {}],
        [['--config', 'list.json'], {}],
        [[], { NATS_URL: list }],
      ];
      for (const [args, env] of ways) {
        // The server is reached: it is the orchestrator that is missing there.
        const { code, stderr } = await runCli(['status', ...args], { cwd, env });
        assert.match(stderr, /nobody answered .*is an orchestrator running\?/, JSON.stringify([args, env]));
        assert.is(code, 1);
      }
      const { stderr } = await runCli(['status', '--server', `${DEAD},${DEAD_TOO}`], { cwd });
      // In random order.
      for (const server of [DEAD, DEAD_TOO]) assert.ok(stderr.includes(`no nats-server answers at ${server} `), stderr);
    }),
  ));

test('cli: --server never starts a server: start waits for the one that is named, and says so', () =>
  withFolder(async (cwd) => {
    const models = { face: { sources: [{ type: 'directory', name: 'people', path: 'people' }] } };
    await writeFile(join(cwd, CONFIG_FILE), JSON.stringify({ nats: { port: 0 }, log: { level: 'warn' }, models }));
    await withCli(['start', '--server', DEAD], { cwd }, async (cli) => {
      await cli.printed(/still waiting for nats-server/);
      assert.equal(
        cli.alive().filter((it) => it.includes('nats-server ')),
        [],
      );
      assert.not.ok(existsSync(join(cwd, '.nightshift')));
    });
  }));

test.run();
