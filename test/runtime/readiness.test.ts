import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { keepNote, notesOf } from '../../runtime/readiness.ts';

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

test('readiness: the note of a process that is gone counts no more', () => {
  const code = `import { keepNote } from '${import.meta.dirname}/../../runtime/readiness.ts'; keepNote('killed', '${SYSTEM}', () => []); process.kill(process.pid, 'SIGKILL');`;
  const { signal } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code]);
  assert.is(signal, 'SIGKILL');
  assert.equal(said(), []);
});

test.run();
