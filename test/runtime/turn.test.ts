import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inTurn } from '../../runtime/turn.ts';

const HOUR_MS = 3_600_000;
const nameOf = (what: string) => `nightshift-test-${process.pid}-${what}`;
const isLinux = process.platform === 'linux';

/** Another process that has the turn and keeps it. */
async function holder(name: string) {
  const code = `import { inTurn } from './runtime/turn.ts';
    await inTurn(() => { console.log('has it'); return new Promise((resolve) => setInterval(resolve, ${HOUR_MS})); }, '${name}');`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', code];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

test('turn: one at a time, and what the work returns or throws comes through', async () => {
  let [underWay, most] = [0, 0];
  const work = async (result: number) => {
    most = Math.max(most, ++underWay);
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    if (result === 2) throw new Error('broken');
    return result;
  };
  const turns = [1, 2, 3, 4].map((result) => inTurn(() => work(result), nameOf('all'), HOUR_MS));
  const settled = await Promise.allSettled(turns);
  assert.equal(
    settled.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason.message)),
    [1, 'broken', 3, 4],
  );
  if (isLinux) assert.is(most, 1);
});

test('turn: a holder that is killed gives it free', async () => {
  if (!isLinux) return;
  const child = await holder(nameOf('killed'));
  let isMine = false;
  const mine = inTurn(async () => (isMine = true), nameOf('killed'), HOUR_MS);
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.is(isMine, false);
  child.kill('SIGKILL');
  assert.is(await mine, true);
});

test('turn: a holder that is stuck is waited for no longer than was said', async () => {
  const child = await holder(nameOf('stuck'));
  child.kill('SIGSTOP');
  assert.is(await inTurn(async () => 'went on', nameOf('stuck'), 100), 'went on');
  child.kill('SIGKILL');
});

test.run();
