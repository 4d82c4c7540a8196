/** Readiness of a running system: it is up, a bucket is deleted under it, and the set-up makes it anew. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { jetstreamManager } from '@nats-io/jetstream';
import { BUCKETS } from '../../contracts/subjects.ts';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { kvStreamName } from '../../infra/topology/streams.ts';
import { runCli, serverOf, withCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { testLogger } from '../support/server.ts';
import { until } from '../support/wait.ts';
import { wireStreamOf } from '../support/wire-names.ts';

test('ready: a healthcheck fails before the start, passes when all work, and fails while a bucket is gone', () =>
  withFolder(async (cwd) => {
    const face = { sources: [{ type: 'directory', name: 'faces', path: 'faces' }] };
    await writeFile(
      join(cwd, CONFIG_FILE),
      JSON.stringify({ nats: { port: 0, storeDir: join(cwd, 'store') }, gateway: { port: 0 }, models: { face } }),
    );
    const ready = (...args: string[]) => runCli(['ready', ...args], { cwd });
    const none = await ready();
    assert.equal([none.code, none.stdout], [1, 'no process of this system runs here\n']);
    await withCli(['start', '--insecure'], { cwd }, async (system) => {
      const url = await serverOf(system);
      await until(async () => (await ready()).code === 0, 'all actors at work');
      const whole = JSON.parse((await ready('--json')).stdout) as { ready: boolean; processes: { name: string }[] };
      assert.is(whole.ready, true);
      assert.is(whole.processes.length, 8);

      const nc = await connectNats({ url, name: 'vandal', log: testLogger() });
      await (await jetstreamManager(nc)).streams.delete(wireStreamOf(kvStreamName(BUCKETS.deployments)));
      await nc.close();
      await until(async () => (await ready('inference')).code === 1, 'the news');
      assert.match((await ready('inference')).stdout, /^inference +\d+ +stream \S*DEPLOYMENTS was deleted/);
      const env = { NATS_URL: url };
      const status = await until(
        async () => (await runCli(['status'], { cwd, env })).stdout.match(/ALARM +stream \S*DEPLOYMENTS was deleted/),
        'the alarm',
      );
      assert.ok(status);
      assert.match(system.output(), /inference lacks what it needs: stream/);
      assert.is((await runCli(['setup'], { cwd, env })).code, 0);
      await until(async () => (await ready()).code === 0, 'all actors at work again');
    });
  }));

test.run();
