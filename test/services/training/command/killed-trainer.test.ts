/** A trainer that is killed with -9 takes its program with it, and what it left on the disk goes at the next start. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withFolder } from '../../../support/folder.ts';
import { isAlive } from '../../../support/processes.ts';
import { until } from '../../../support/wait.ts';

const TRAINER = fileURLToPath(new URL('./killed-trainer.process.ts', import.meta.url));

test('command: kill -9 of the trainer ends its program with all workers, and its folders go at the next start', () =>
  withFolder(async (folder) => {
    const [told, temporary] = [join(folder, 'told'), join(folder, 'tmp')];
    await mkdir(temporary);
    const env = { ...process.env, TMPDIR: temporary };
    const run = (...args: string[]) =>
      spawn(process.execPath, ['--import', 'tsx', ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const folders = () => readdirSync(temporary).filter((name) => name.startsWith('nightshift-'));

    const trainer = run(TRAINER, told);
    await once(trainer.stdout, 'data');
    const pids = readFileSync(told, 'utf8').split(' ').map(Number);
    assert.equal(pids.map(isAlive), [true, true, true]);
    trainer.kill('SIGKILL');
    const killedAt = performance.now();
    for (const pid of pids) await until(() => !isAlive(pid), `process ${pid} to end`);
    assert.ok(performance.now() - killedAt < 5000);

    assert.is(folders().length, 1, 'the images of the job are still there');
    const sweep = `import('${join(import.meta.dirname, '../../../../runtime/scratch.ts')}').then((it) => it.sweepScratch())`;
    await once(run('-e', sweep), 'exit');
    assert.equal(folders(), []);
  }));

test.run();
