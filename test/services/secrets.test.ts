/** Values of a configuration that are or are not secrets. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readOne, readValues } from '../../services/secrets.ts';
import { withFolder } from '../support/folder.ts';
import { failureOf } from '../support/samples.ts';

test('secrets: texts are taken as they are, secrets from their place, anew each time', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'token.json');
    await writeFile(file, '{"token": "first"}');
    const read = () => readValues('source "a": headers', { plain: 'text', token: { file, field: 'token' } });
    assert.equal(read(), { values: { plain: 'text', token: 'first' }, secrets: ['first'] });
    await writeFile(file, '{"token": "second"}');
    assert.equal(read().secrets, ['second']);
  }));

test('secrets: one that is not there is an error that names setting and place', async () => {
  const place = { env: 'NIGHTSHIFT_TEST_ABSENT' };
  const failure = async (read: () => unknown) => {
    const { code, message } = await failureOf((async () => read())());
    return `${code}: ${message}`;
  };
  const absent = 'the environment variable NIGHTSHIFT_TEST_ABSENT is not set';
  assert.is(await failure(() => readOne('source "a": bearer', place)), `CONFIG_INVALID: source "a": bearer: ${absent}`);
  assert.is(
    await failure(() => readValues('training.command.env', { TOKEN: place })),
    `CONFIG_INVALID: training.command.env.TOKEN: ${absent}`,
  );
});

test.run();
