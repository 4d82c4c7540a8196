/** How the memory of another process is limited; a folder stands for the tree of cgroups where this machine has none. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cgroupBeside, limitMemory, moveIntoCgroup, residentBytes } from '../../runtime/memory-limit.ts';
import { withFolder } from '../support/folder.ts';

const MIB = 1024 ** 2;
/** Asks for a gigabyte once it is told to, and fills it. */
const HUNGRY = 'process.stdin.once("data", () => console.log(Buffer.alloc(2 ** 30, 1).length))';

test('memory limit: a process that wants more than its limit does not get it', async () => {
  const child = spawn(process.execPath, ['-e', HUNGRY], { stdio: ['pipe', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (text) => (said += text));
  const gone = once(child, 'close');
  await once(child, 'spawn');
  const limit = await limitMemory(child.pid!, 256 * MIB);
  assert.ok(['cgroup', 'prlimit'].includes(limit.by), `by ${limit.by}: is util-linux installed?`);
  assert.ok(residentBytes(child.pid!)! > MIB);
  child.stdin.end('go');
  await gone;
  limit.lift();
  assert.is(said, '');
  assert.is(residentBytes(child.pid!), null);
});

test('memory limit: a cgroup is made beside ours where the controller of memory is handed on', () =>
  withFolder(async (folder) => {
    const [proc, tree] = [join(folder, 'proc'), join(folder, 'tree')];
    const unit = join(tree, 'app.slice');
    await mkdir(join(unit, 'ours'), { recursive: true });
    await mkdir(proc);
    await writeFile(join(proc, 'cgroup'), '1:name=systemd:/\n0::/app.slice/ours\n');
    await writeFile(
      join(proc, 'mountinfo'),
      `30 23 0:26 / ${tree} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n`,
    );
    await writeFile(join(unit, 'cgroup.subtree_control'), 'cpu pids\n');
    assert.is(cgroupBeside(proc), null);
    await writeFile(join(unit, 'cgroup.subtree_control'), 'cpu memory pids\n');
    assert.is(cgroupBeside(proc), unit);
    const made = moveIntoCgroup(unit, 4711, 5 * MIB)!;
    const written = ['memory.max', 'memory.swap.max', 'cgroup.procs'].map((file) =>
      readFileSync(join(made, file), 'utf8'),
    );
    assert.equal(written, [String(5 * MIB), '0', '4711']);
    await mkdir(join(unit, 'nightshift-limit-1'));
    moveIntoCgroup(unit, 4712, MIB);
    assert.not.ok(existsSync(join(unit, 'nightshift-limit-1')), 'one that was left empty goes');
    assert.ok(existsSync(made), 'one with a process in it stays');
  }));

test('memory limit: where no cgroup may be made there is none', async () => {
  assert.is(moveIntoCgroup('/proc/self', 4711, MIB), null);
  assert.is(cgroupBeside('/nowhere'), null);
});

test.run();
