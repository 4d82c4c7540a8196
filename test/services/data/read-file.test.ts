/** Reading files that somebody else put there: bounded, no pipes, and not for ever. */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inTime, readFirst, Unavailable } from '../../../services/data/read-file.ts';
import { withFolder } from '../../support/folder.ts';

async function refusal(work: Promise<unknown>): Promise<Unavailable> {
  const outcome = await work.catch((error: unknown) => error);
  assert.instance(outcome, Unavailable);
  return outcome as Unavailable;
}

test('read: no more than is wanted', () =>
  withFolder(async (folder) => {
    await writeFile(join(folder, 'file'), 'abcdef');
    assert.is((await readFirst(join(folder, 'file'), 4)).toString(), 'abcd');
    assert.is((await readFirst(join(folder, 'file'), 40)).toString(), 'abcdef');
  }));

test('read: whatever is no file is refused with its kind, and a pipe nobody writes to holds up nobody', () =>
  withFolder(async (folder) => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const server = createServer().listen(join(folder, 'socket'));
    for (const [path, why] of [
      [join(folder, 'pipe'), /^a named pipe, no file$/],
      [join(folder, 'socket'), /^a socket, no file$/],
      [folder, /^a folder, no file$/],
      ['/dev/zero', /^a device, no file$/],
      [join(folder, 'nothing'), /^it is gone, or a link to nothing$/],
    ] as const) {
      const { message, isLate } = await refusal(readFirst(path, 10));
      assert.match(message, why);
      assert.not(isLate);
    }
    server.close();
  }));

test('read: work that never ends is given up', async () => {
  const { message, isLate } = await refusal(inTime(new Promise(() => {}), 20));
  assert.match(message, /no answer of the file system within 0\.02 s/);
  assert.ok(isLate);
});

test('read: an error tells no path', async () => {
  assert.not.match((await refusal(readFirst(`/etc/passwd/${'x'.repeat(300)}`, 10))).message, /passwd/);
});

test.run();
