import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeWhole } from '../../services/write-whole.ts';
import { failureOf } from '../support/failures.ts';
import { withFolder } from '../support/folder.ts';

test('write whole: the file is there, and nothing beside it', () =>
  withFolder(async (folder) => {
    await writeWhole('faces', join(folder, 'net.onnx'), Buffer.from('net'));
    assert.equal(await readdir(folder), ['net.onnx']);
    assert.is((await readFile(join(folder, 'net.onnx'))).toString(), 'net');
  }));

test('write whole: a place where no file can be written is named', () =>
  withFolder(async (folder) => {
    const failure = await failureOf(writeWhole('faces', join(folder, 'absent/net.onnx'), Buffer.from('net')));
    assert.is(failure.code, 'CONFIG_INVALID');
    assert.match(failure.message, /^faces: .*absent\/net\.onnx cannot be written: ENOENT/);
    assert.equal(await readdir(folder), []);
  }));

test.run();
