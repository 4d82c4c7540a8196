import { execFileSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startHostProcess } from '../../../../services/serving/host/host-process.ts';
import { isAlive } from '../../../support/host-processes.ts';
import { until } from '../../../support/wait.ts';

const parentOf = (pid: number) => Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }));

test('host launcher: hosts are not children of ours, and outlive the one that started them', async () => {
  const first = await startHostProcess();
  const launcher = parentOf(first.pid);
  assert.is.not(launcher, process.pid);
  // It has said its name only when it opens a model or refuses one.
  await first
    .load({ path: '/nowhere', image: { width: 1, height: 1, channels: 1 }, batchMax: 1, threads: 1 })
    .catch(() => {});
  process.kill(launcher, 'SIGKILL');
  await until(() => !isAlive(launcher), 'the launcher is gone');
  const second = await until(() => startHostProcess().catch(() => null), 'another launcher starts hosts');
  assert.is.not(parentOf(second.pid), launcher);
  assert.ok(isAlive(first.pid));
  for (const host of [first, second]) await host.kill();
  assert.match((await second.ended).message, /ended with SIGKILL/);
  await until(() => !isAlive(first.pid), 'both are gone');
});

test.run();
