/** The judge of test files: it must not be fooled by what uvu lets pass. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { judge, runFile } from './test-process.ts';

const UVU = `import { test } from 'uvu';\n`;
const PASSING = `test('a', () => {});\n`;

/** Beside this file, so that `uvu` resolves; the name ends so that no run takes it for a test. */
async function judged(code: string, timeoutMs = 20_000) {
  const folder = mkdtempSync(join(import.meta.dirname, 'zz-'));
  try {
    const path = join(folder, 'case.mts');
    writeFileSync(path, code);
    const { passed, failed, reasons } = judge(await runFile(path, timeoutMs));
    return { passed, failed, reasons: reasons.join('; ') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('runner: a clean file passes with its count', async () => {
  assert.equal(await judged(`${UVU}${PASSING}${PASSING}test.run();`), { passed: 2, failed: 0, reasons: '' });
});

test('runner: a failing test counts, and so do those that pass', async () => {
  const verdict = await judged(`${UVU}${PASSING}test('b', () => { throw new Error('x'); });test.run();`);
  assert.equal([verdict.passed, verdict.failed], [1, 1]);
});

test('runner: a file without test.run() fails', async () => {
  const verdict = await judged(`${UVU}${PASSING}`);
  assert.is(verdict.failed, 1);
  assert.match(verdict.reasons, /ran no tests|no totals/);
});

test('runner: a leftover test.only fails', async () => {
  const verdict = await judged(`${UVU}${PASSING}test.only('b', () => {});test.run();`);
  assert.equal([verdict.passed, verdict.failed], [1, 1]);
  assert.match(verdict.reasons, /skipped/);
});

test('runner: a test that throws something that is no Error fails', async () => {
  const verdict = await judged(`${UVU}${PASSING}test('b', () => { throw undefined; });test.run();`);
  assert.ok(verdict.failed >= 1, verdict.reasons);
});

test('runner: a crash half-way fails', async () => {
  const verdict = await judged(`${UVU}test('a', () => process.exit(0));test.run();`);
  assert.is(verdict.failed, 1);
});

test('runner: a file that does not end is killed and fails', async () => {
  const verdict = await judged(`${UVU}${PASSING}setInterval(() => {}, 1000);test.run();`, 3_000);
  assert.is(verdict.failed, 1);
  assert.match(verdict.reasons, /timed out/);
});

test('runner: a process that is left behind fails the file, is named and ended', async () => {
  const leave = `spawn('sleep', ['77'], { detached: true, stdio: 'ignore' }).unref();`;
  const verdict = await judged(`import { spawn } from 'node:child_process';\n${UVU}${PASSING}${leave}test.run();`);
  assert.is(verdict.failed, 1);
  assert.match(verdict.reasons, /left processes behind: \d+ sleep 77/);
});

test.run();
