/**
 * One test file as a process: finds and ends whatever it leaves behind, and judges the outcome by uvu's printed totals. Called by test/run.ts.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';

export interface TestRun {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Standard output and error as they came. */
  readonly output: string;
  readonly timedOut: boolean;
  /** `pid command` of each process that it started and that outlived it. */
  readonly leftovers: readonly string[];
  readonly durationMs: number;
}

export interface Verdict {
  readonly passed: number;
  readonly failed: number;
  /** Why the file fails, beyond single tests; empty for a clean file. */
  readonly reasons: readonly string[];
  readonly durationMs: number;
}

/** A server that was told to stop, or a watchdog whose pipe has closed, may need a moment to go. */
const GRACE_MS = 2_000;
const GRACE_CHECK_MS = 50;
/** An environment variable that all processes of a test file inherit. */
const MARK = 'NIGHTSHIFT_TEST_RUN';

export async function runFile(path: string, timeoutMs: number): Promise<TestRun> {
  const startedAt = performance.now();
  const mark = `${process.pid}-${randomUUID()}`;
  const child = spawn(process.execPath, ['--import', 'tsx', path], {
    detached: true,
    env: { ...process.env, [MARK]: mark },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const end = await endOf(child, timeoutMs);
  const leftovers = await endLeftovers(mark, child);
  const output = Buffer.concat(chunks).toString('utf8');
  return { ...end, output, leftovers, durationMs: performance.now() - startedAt };
}

/** Pure. A file that crashed, hung or lied about its tests counts as one failure at least. */
export function judge(run: TestRun): Verdict {
  const totals = parseTotals(run.output);
  const reasons: string[] = [];
  if (run.timedOut) reasons.push('timed out: a test never ended, or something it left open keeps the process alive');
  else if (run.exitCode !== 0) reasons.push(`ended with ${run.signal ?? `exit code ${run.exitCode}`}`);
  if (totals === null) reasons.push('printed no totals: is `test.run()` missing, or did it crash?');
  if (totals?.total === 0) reasons.push('ran no tests');
  if (totals && totals.skipped > 0) reasons.push(`skipped ${totals.skipped} tests: a leftover test.only or test.skip?`);
  if (run.leftovers.length > 0) reasons.push(`left processes behind: ${run.leftovers.join('; ')}`);
  const notPassed = totals === null ? 0 : totals.total - totals.passed;
  const failed = notPassed === 0 && reasons.length > 0 ? 1 : notPassed;
  return { passed: totals?.passed ?? 0, failed, reasons, durationMs: run.durationMs };
}

/** The last totals that were printed, as uvu prints them; null where there are none. */
function parseTotals(output: string): { total: number; passed: number; skipped: number } | null {
  const plain = stripVTControlCharacters(output);
  const last = [...plain.matchAll(/^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm)].at(-1);
  return last ? { total: Number(last[1]), passed: Number(last[2]), skipped: Number(last[3]) } : null;
}

async function endOf(child: ChildProcess, timeoutMs: number) {
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  // `exit`, not `close`: that one waits for leftovers which hold the output open.
  const [exitCode, signal] = (await once(child, 'exit')) as [number | null, string | null];
  clearTimeout(timer);
  return { exitCode, signal, timedOut };
}

/** Answers with what is still there after the grace period, having killed it. */
async function endLeftovers(mark: string, child: ChildProcess): Promise<string[]> {
  const deadline = Date.now() + GRACE_MS;
  let left = findMarked(mark);
  while (left.length > 0 && Date.now() < deadline) {
    await delay(GRACE_CHECK_MS);
    left = findMarked(mark);
  }
  for (const { pid } of left) tryKill(pid);
  // Where there is no /proc, at least the process group is ended.
  if (child.pid !== undefined) tryKill(-child.pid);
  return left.map(({ pid, command }) => `${pid} ${command}`);
}

/** By environment rather than process group, because our servers have groups of their own. Linux only. */
function findMarked(mark: string): { pid: number; command: string }[] {
  if (!existsSync('/proc/self/environ')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && readProc(name, 'environ').includes(`${MARK}=${mark}`))
    .map((name) => ({ pid: Number(name), command: readProc(name, 'cmdline').replaceAll('\0', ' ').trim() }));
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // Ended between the listing and the reading, or not ours to read.
    return '';
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
