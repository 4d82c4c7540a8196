/** Secrets are read where a configuration says that they are; an error names the place and never what is there. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readSecret } from '../../runtime/secrets.ts';
import { withFolder } from '../support/folder.ts';

test('secrets: one is read from the environment or a file, anew each time, without the end of its line', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'secret');
    assert.is(readSecret({ env: 'IT' }, { IT: ' pass word \n' }), 'pass word');
    for (const secret of ['first', 'second']) {
      writeFileSync(file, `${secret}\r\n`);
      assert.is(readSecret({ file }), secret);
    }
    writeFileSync(file, '{"password":"third","other":1}');
    assert.is(readSecret({ file, field: 'password' }), 'third');
  }));

test('secrets: a missing one is named by its place', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'secret');
    assert.throws(() => readSecret({ env: 'IT' }, {}), /^the environment variable IT is not set$/);
    assert.throws(() => readSecret({ env: 'IT' }, { IT: ' ' }), /variable IT is empty$/);
    assert.throws(() => readSecret({ file }), /secret does not exist$/);
    mkdirSync(file);
    assert.throws(() => readSecret({ file }), /cannot be read \(EISDIR\)$/);
  }));

test('secrets: no error shows a part of the file', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'secret');
    const wrong = [
      '{"password":SESAME}',
      '"SESAME"',
      '{"password":["SESAME"]}',
      '{"SESAME":1}',
      'SESAME'.repeat(20_000),
    ];
    for (const text of wrong) {
      writeFileSync(file, text);
      assert.throws(
        () => readSecret({ file, field: 'password' }),
        (error: Error) => error.message.includes(file) && !`${error.stack}${String(error.cause)}`.includes('SESAME'),
      );
    }
  }));

test.run();
