import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { endAnyway, endOnSignal } from '../../cli/shutdown.ts';
import { lockStore } from '../../infra/server/server-lock.ts';
import { runCli, withCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { until } from '../support/wait.ts';
import { mkdirSync } from 'node:fs';

const KEEPER = pathToFileURL(join(import.meta.dirname, '../support/own/keep-alive.mjs')).href;
const FATAL_MAX_MS = 5_000;

assert.type(endAnyway, 'function');
assert.type(endOnSignal, 'function');

test('shutdown: a start that fails ends within five seconds, although something keeps its process', () =>
  withFolder(async (cwd) => {
    const storeDir = join(cwd, 'store');
    mkdirSync(storeDir);
    const lock = await lockStore(storeDir);
    const env = { NIGHTSHIFT_STORE: storeDir, NODE_OPTIONS: `--import ${KEEPER}` };
    await withCli(['start'], { cwd, env }, async (system) => {
      await system.printed(/is in use by process/);
      const failedAt = performance.now();
      const { code, signal, stderr } = await system.exited;
      assert.ok(performance.now() - failedAt < FATAL_MAX_MS, `${performance.now() - failedAt} ms`);
      assert.not.equal([code, signal], [0, null]);
      assert.match(stderr, /not stopped after a fatal error|something .*kept the process/);
      await until(() => system.alive().length === 0, 'the end of its actors', FATAL_MAX_MS);
    });
    lock.release();
  }));

test('shutdown: a command that fails ends by itself with its code', () =>
  withFolder(async (cwd) => {
    const { code, stderr } = await runCli(['--server', 'nats://127.0.0.1:1', 'status'], { cwd });
    assert.is(code, 1);
    assert.not.match(stderr, /kept the process/);
  }));

test.run();
