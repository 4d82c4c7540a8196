import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lowerPriority, restorePriority } from '../../runtime/priority.ts';

/** Field 19 of /proc/<pid>/stat (proc(5)); the name, field 2, is in brackets and may hold spaces. */
const nicenessOf = (pid: number) => Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[16]);

test('priority: a process that was lowered always comes back to where it was', async () => {
  if (process.platform !== 'linux') return;
  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  const before = nicenessOf(child.pid!);
  lowerPriority(child.pid!);
  // Without the right to raise it again it is not lowered at all.
  assert.ok([19, before].includes(nicenessOf(child.pid!)));
  restorePriority(child.pid!);
  assert.is(nicenessOf(child.pid!), before);
  child.kill('SIGKILL');
  await once(child, 'exit');
  lowerPriority(child.pid!);
});

test.run();
