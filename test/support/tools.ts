/**
 * Tests that need a tool which is not ours: Python with packages of PyPI, or Go with a module. Where it is absent the test
 * prints `SKIP <name>: needs <tool>` and registers, under the same name, a test that asserts just this absence: a skip must
 * stay visible by name.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/** A Python that has nats-py and nkeys: that of NIGHTSHIFT_NATS_PY, or the usual one. */
export const natsPython = process.env['NIGHTSHIFT_NATS_PY'] ?? 'python3';
const hasNatsPy = () => spawnSync(natsPython, ['-c', 'import nats, nkeys']).status === 0;

export const natsPyTest = (name: string, run: () => Promise<void>): void =>
  toolTest(name, 'nats-py and nkeys (pip install nats-py nkeys)', hasNatsPy, run);

export const GO_SUBSCRIBER = join(import.meta.dirname, '../../examples/subscribers/go');
const DOWNLOAD_MS = 60_000;
const hasGo = () => spawnSync('go', ['mod', 'download'], { cwd: GO_SUBSCRIBER, timeout: DOWNLOAD_MS }).status === 0;

export const goTest = (name: string, run: () => Promise<void>): void =>
  toolTest(name, 'Go and the module nats.go', hasGo, run);

function toolTest(name: string, tool: string, isThere: () => boolean, run: () => Promise<void>): void {
  if (isThere()) {
    test(name, run);
    return;
  }
  console.log(`SKIP ${name}: needs ${tool}`);
  test(`${name} (skipped: needs ${tool})`, () => assert.not(isThere()));
}
