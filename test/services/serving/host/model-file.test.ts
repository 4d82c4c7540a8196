import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeModelFile } from '../../../../services/serving/host/model-file.ts';
import { failureOf } from '../../../support/failures.ts';
import { withFolder } from '../../../support/folder.ts';

test('model file: it holds the bytes until it is removed', () =>
  withFolder(async (folder) => {
    const file = await writeModelFile(Uint8Array.of(1, 2, 3), folder);
    assert.equal([...readFileSync(file.path)], [1, 2, 3]);
    await file.remove();
    assert.not(existsSync(file.path));
  }));

test('model file: on a full disk it is DISK_FULL, names the folder, and leaves nothing behind', () =>
  withFolder(async (folder) => {
    if (process.platform !== 'linux') return;
    // A device of Linux on which every write meets a full disk.
    const full = (_path: string, bytes: Uint8Array) => writeFile('/dev/full', bytes);
    const failure = await failureOf(writeModelFile(Uint8Array.of(1), folder, full));
    assert.is(failure.code, 'DISK_FULL');
    assert.ok(failure.retryable);
    assert.match(failure.message, folder);
    assert.equal(readdirSync(folder), []);
  }));

test('model file: another error of the file system is passed on', () =>
  withFolder(async (folder) => {
    const missing = join(folder, 'nowhere');
    const error = await writeModelFile(Uint8Array.of(1), missing).catch((reason: unknown) => reason);
    assert.is((error as NodeJS.ErrnoException).code, 'ENOENT');
  }));

test.run();
