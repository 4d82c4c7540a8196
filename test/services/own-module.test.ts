/** Strategies of one's own: one that works is used like a shipped one, and one that does not says what is wrong with it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadOwn } from '../../services/own-module.ts';
import { createTrainingStrategy } from '../../services/training/strategies.ts';
import { withFolder } from '../support/folder.ts';
import { failureOf } from '../support/samples.ts';
import { quietContext, toyJob } from './training/toy.ts';

const TRAINING = join(import.meta.dirname, '../support/own/training.mjs');

const refusalOf = (source: string) =>
  withFolder(async (folder) => {
    const module = join(folder, 'own.mjs');
    await writeFile(module, source);
    const failure = await failureOf(
      loadOwn<{ train(): void }>('training.strategy', { module, options: {} }, ['train']),
    );
    assert.is(failure.code, 'STRATEGY_UNAVAILABLE');
    assert.ok(failure.message.startsWith(`training.strategy: `) && failure.message.includes(module), failure.message);
    return failure.message;
  });

test('own strategy: it gets its options and trains as a shipped one does', async () => {
  const strategy = await createTrainingStrategy({ module: TRAINING, options: { epochs: 2 } });
  const { epochs, model } = await strategy.train(toyJob({ epochs: 10 }), quietContext());
  assert.is(epochs, 2);
  assert.ok(model.length > 0);
});

test('own strategy: it reads the secrets that its options name, and is told what else there is about it', () =>
  withFolder(async (folder) => {
    const [module, file] = [join(folder, 'own.mjs'), join(folder, 'token')];
    await writeFile(file, 's3cret\n');
    await writeFile(
      module,
      'export const createStrategy = ({ token }, { name, readSecret }) => ({ told: () => [name, readSecret(token)] });',
    );
    const load = (token: unknown) =>
      loadOwn<{ told(): unknown }>('source "a"', { module, options: { token } }, ['told'], { name: 'a' });
    assert.equal((await load({ file })).told(), ['a', 's3cret']);
    const own = await load('s3cret');
    assert.throws(() => own.told(), /a secret is not written here itself/);
  }));

test('own strategy: a module that is absent, or not absolute, is named', async () => {
  const load = (module: string) => failureOf(loadOwn('training.strategy', { module, options: {} }, []));
  assert.match(
    (await load('/nowhere/own.mjs')).message,
    /^training\.strategy: the module \/nowhere\/own\.mjs cannot be/,
  );
  assert.match((await load('own.mjs')).message, /own\.mjs is not an absolute path/);
});

test('own strategy: one that does not load, exports something else or fails says which', async () => {
  assert.match(await refusalOf('export const = 1'), /cannot be loaded: /);
  assert.match(await refusalOf("import 'no-such-package';"), /cannot be loaded: .*no-such-package/);
  assert.match(await refusalOf('export const create = 1;'), /no function createStrategy; it exports create$/);
  assert.match(await refusalOf(''), /it exports nothing$/);
  assert.match(
    await refusalOf('export const createStrategy = () => { throw new Error("no card"); };'),
    /failed: no card$/,
  );
});

test('own strategy: what is made must have the methods', async () => {
  assert.match(await refusalOf('export const createStrategy = () => ({ tran() {} });'), /without the method train$/);
  assert.match(await refusalOf('export const createStrategy = () => null;'), /without the method train$/);
});

test.run();
