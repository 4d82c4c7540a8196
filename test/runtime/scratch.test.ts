/** Temporary folders: gone after success and failure, and after a kill once the next one is made. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../runtime/scratch.ts';

const own = () => withScratch(async (folder) => basename(folder));

test('scratch: the folder is gone after success and after failure', async () => {
  const folders: string[] = [];
  await withScratch(async (folder) => {
    folders.push(folder);
    await writeFile(join(folder, 'x'), 'x');
  });
  const failing = withScratch(async (folder) => {
    folders.push(folder);
    throw new Error('out of luck');
  });
  const message = await failing.catch((error: Error) => error.message);
  assert.is(message, 'out of luck');
  assert.is(folders.length, 2);
  assert.ok(folders.every((folder) => !existsSync(folder)));
});

test('scratch: what a killed process left is removed, what a living one uses stays', async () => {
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const name = (pid: number) => join(tmpdir(), `nightshift-scratch-${pid}-0123abcd-x`);
  // The last two have the ids of living processes but not their tokens: earlier processes with the same ids.
  const leftovers = [name(dead), name(process.pid), name(process.ppid)];
  for (const folder of leftovers) await mkdir(join(folder, 'inner'), { recursive: true });
  await withScratch(async (outer) => {
    await own();
    assert.ok(existsSync(outer), 'another folder of this process stays');
    const sweep = `import('${join(import.meta.dirname, '../../runtime/scratch.ts')}').then((it) => it.sweepScratch())`;
    const other = spawnSync(process.execPath, ['--import', 'tsx', '-e', sweep], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    assert.is(other.status, 0);
    assert.ok(existsSync(outer), 'another process leaves it, too');
  });
  assert.equal(leftovers.filter(existsSync), []);
});

test.run();
