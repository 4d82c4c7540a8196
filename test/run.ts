/**
 * Runs every *.test.ts in a process of its own and believes only what it can count. uvu alone exits with 0 in several
 * cases of failure (no test.run(), a thrown non-Error, a leftover `only`), so the printed totals are checked too.
 * `npm test -- infra timers` runs the files whose path contains one of the words.
 */
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, relative } from 'node:path';
import { ensureBuilt } from '../build.mjs';
import { judge, runFile, type Verdict } from './support/test-process.ts';

const ROOT = import.meta.dirname;
/** Most files wait for a server or a thread: two at a time fill two cores, more only make timings unreliable. */
const CONCURRENCY = Math.min(2, cpus().length);
const FILE_TIMEOUT_MS = 600_000;

const words = process.argv.slice(2).filter((word) => word !== '--');
const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort();

// Each file sees to it as well; done once, two of them need not do it at once.
await ensureBuilt({ tests: true });
const verdicts: Verdict[] = [];
const waiting = [...files];
await Promise.all(Array.from({ length: CONCURRENCY }, work));
summarize();

async function work(): Promise<void> {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    const run = await runFile(join(ROOT, file), FILE_TIMEOUT_MS);
    const verdict = judge(run);
    verdicts.push(verdict);
    report(relative(process.cwd(), join(ROOT, file)), verdict, run.output);
  }
}

function report(name: string, { passed, failed, reasons, durationMs }: Verdict, output: string): void {
  const seconds = (durationMs / 1000).toFixed(1);
  console.log(`${failed === 0 ? 'ok  ' : 'FAIL'}  ${name}  ${passed} passed, ${failed} failed  ${seconds} s`);
  if (failed === 0) return;
  for (const reason of reasons) console.log(`      ${reason}`);
  console.log(output.trimEnd().replaceAll(/^/gm, '    | '));
}

/** The last line stands alone and holds the real counts; no file at all is a failure too. */
function summarize(): void {
  const passed = verdicts.reduce((sum, verdict) => sum + verdict.passed, 0);
  const failed = verdicts.reduce((sum, verdict) => sum + verdict.failed, 0);
  if (files.length === 0) console.log(`no test file matches ${words.join(' ')}`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || files.length === 0 ? 1 : 0;
}
