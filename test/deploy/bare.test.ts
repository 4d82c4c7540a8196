/** The program under what a container or a unit leaves it: no HOME, a folder that it may not write, few open files. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ROOT } from '../support/deploy.ts';
import { withFolder } from '../support/folder.ts';
import { withServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

const PROGRAM = join(ROOT, 'cli/nightshift.mjs');

test('bare: an actor works and ends without HOME, in a folder that is not its own, with 256 open files', () =>
  withServer(({ url }) =>
    withFolder(async (folder) => {
      const [work, temporary] = [join(folder, 'work'), join(folder, 'tmp')];
      await Promise.all([mkdir(work), mkdir(temporary)]);
      const config = join(folder, 'config.json');
      await writeFile(config, JSON.stringify({ log: { level: 'warn' } }));
      await chmod(work, 0o555);
      const env = { PATH: process.env['PATH'], TMPDIR: temporary, NATS_URL: url, NIGHTSHIFT_CONFIG: config };
      const limited = 'ulimit -n 256; exec "$0" "$@"';
      const command = [process.execPath, PROGRAM, 'actor', 'trainer'];
      const child = spawn('sh', ['-c', limited, ...command], { cwd: work, env, stdio: ['ignore', 'pipe', 'pipe'] });
      const closed = once(child, 'close');
      let said = '';
      const hear = (chunk: Buffer) => (said += chunk.toString());
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      try {
        await until(() => said.includes('trainer works at') || child.exitCode !== null, `its start: ${said}`, 60_000);
        assert.is(child.exitCode, null, said);
        // As the healthcheck of the image and the probes of the chart ask.
        const ready = await once(spawn(process.execPath, [PROGRAM, 'ready', 'trainer'], { cwd: work, env }), 'close');
        assert.equal(ready, [0, null]);
        child.kill('SIGTERM');
        assert.equal(await closed, [0, null], said);
        // Root may write everywhere; it has not.
        assert.equal(await readdir(work), []);
      } finally {
        child.kill('SIGKILL');
      }
    }),
  ));

test.run();
