import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openHome } from '../../../../services/serving/host/host-home.ts';
import { openChannel } from '../../../../runtime/channel.ts';
import { withFolder } from '../../../support/folder.ts';
import { until } from '../../../support/wait.ts';

/** A process that opens a home in the folder and stays. */
async function homeOfAnother(folder: string) {
  const code = `import { openHome } from './services/serving/host/host-home.ts';
    console.log((await openHome(${JSON.stringify(folder)})).folder); setInterval(() => {}, 1000);`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', code];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, home: line.toString().trim() };
}

test('host home: the folder of a killed process is removed by the next; that of a living one stays', () =>
  withFolder(async (folder) => {
    const { child, home } = await homeOfAnother(folder);
    await writeFile(join(home, 'a.onnx'), 'model');
    child.kill('SIGSTOP');
    const second = await openHome(folder);
    assert.ok(existsSync(join(home, 'a.onnx')), 'a process that is only stopped lives');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const third = await openHome(folder);
    assert.not(existsSync(home));
    assert.ok(existsSync(second.folder) && existsSync(third.folder));
  }));

test('host home: a folder that is just being made is left alone', () =>
  withFolder(async (folder) => {
    await mkdir(join(folder, 'nightshift-hosts-young'));
    await openHome(folder);
    assert.is(readdirSync(folder).length, 2);
  }));

test('host home: a host gets through by its name, a stranger is turned away', () =>
  withFolder(async (folder) => {
    const home = await openHome(folder);
    const heard: unknown[] = [];
    home.expect('host-1', (channel) => {
      channel.onMessage = (message) => heard.push(message);
    });
    const [host, stranger] = [openChannel(connect(home.socketPath)), openChannel(connect(home.socketPath))];
    let isTurnedAway = false;
    stranger.onClosed = () => (isTurnedAway = true);
    stranger.send('host-2');
    host.send('host-1');
    const large = new Float32Array(1_000_000).fill(0.5);
    host.send({ large });
    host.send('last');
    await until(() => heard.length === 2 && isTurnedAway, 'both messages, whole and in order');
    assert.equal((heard[0] as { large: Float32Array }).large, large);
    assert.is(heard[1], 'last');
    host.close();
  }));

test.run();
