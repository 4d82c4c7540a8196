/** The demo, interrupted: whatever it has started by then is gone again. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { goneWith, isListening, withCli, type CliProcess } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { until } from '../support/wait.ts';

/** Resolves with all that it printed. Its temporary folders lie in one of the test's own, so that all show. */
const interruptedWhen = (reached: (cli: CliProcess) => Promise<unknown>): Promise<string> =>
  withFolder(async (cwd) => {
    const temporary = join(cwd, 'tmp');
    await mkdir(temporary);
    return withCli(['demo'], { cwd, env: { TMPDIR: temporary } }, async (cli) => {
      await reached(cli);
      assert.ok((await readdir(temporary)).length > 0);
      cli.kill('SIGINT');
      const { code, signal } = await cli.exited;
      assert.equal([code, signal], [130, null], cli.output());
      assert.match(cli.output(), /interrupted; everything is taken down\n$/);
      await goneWith(cli);
      const [url] = /nats:\/\/[\d.:]+/.exec(cli.output()) ?? [];
      if (url) assert.not.ok(await isListening(url), `somebody still listens at ${url}`);
      assert.equal(await readdir(temporary), []);
      return cli.output();
    });
  });

test('demo: Ctrl-C while its system is still starting leaves nothing behind, and no night begins', async () => {
  const output = await interruptedWhen((cli) =>
    until(() => cli.alive().some((command) => command.includes('nats-server.conf')), 'a nats-server', 60_000),
  );
  assert.not.match(output, /^ {2}collect/m);
});

test('demo: Ctrl-C while it trains leaves nothing behind', async () => {
  await interruptedWhen((cli) => cli.printed(/^ {2}collect .*people/m));
});

test.run();
