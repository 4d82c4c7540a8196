import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { keepNote, notesOf } from '../../runtime/readiness.ts';
import { until } from '../support/wait.ts';

const SYSTEM = `test of ${process.pid}`;
const said = (nowMs?: number) => notesOf(SYSTEM, nowMs).map(({ name, lacking }) => `${name}: ${lacking.join()}`);

test('readiness: a note says what its process lacks now, falls silent with it, and is taken away', () => {
  const forget = keepNote('trainer', SYSTEM, () => ['stream X']);
  assert.equal(said(), ['trainer: stream X']);
  assert.equal(said(Date.now() + 60_000), ['trainer: a sign of life: it hangs']);
  assert.equal(
    notesOf('another system').filter(({ pid }) => pid === process.pid),
    [],
  );
  forget();
  assert.equal(said(), []);
});

test('readiness: a note that cannot be written any more ends nobody, and falls silent', async () => {
  let looks = 0;
  const look = () => {
    looks += 1;
    return [];
  };
  const forget = keepNote('full', SYSTEM, look, 10);
  const folder = join(tmpdir(), `nightshift-ready-${process.getuid!()}`);
  const inTheWay = join(folder, `full.${process.pid}.json.new`);
  await until(() => makeFolder(inTheWay), 'a moment between two notes');
  const from = looks;
  await until(() => looks >= from + 3, 'three notes that could not be written');
  assert.equal(said(), ['full: ']);
  assert.equal(said(Date.now() + 60_000), ['full: a sign of life: it hangs']);
  forget();
  rmSync(inTheWay, { recursive: true });
});

/** Undefined while a file is there. */
function makeFolder(path: string): true | undefined {
  try {
    mkdirSync(path);
    return true;
  } catch {
    return undefined;
  }
}

test('readiness: the note of a process that is gone counts no more', () => {
  const code = `import { keepNote } from '${import.meta.dirname}/../../runtime/readiness.ts'; keepNote('killed', '${SYSTEM}', () => []); process.kill(process.pid, 'SIGKILL');`;
  const { signal } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code]);
  assert.is(signal, 'SIGKILL');
  assert.equal(said(), []);
});

test.run();
