/**
 * One nats-server per store folder: two would destroy each other's files. A lock file names the process that launched
 * the server and the server itself; a lock whose processes are gone (a crash, a reboot) is taken over.
 */
import { execFileSync } from 'node:child_process';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';

/** A server whose launcher was killed is ended by its watchdog and needs a moment to close its files. */
const ORPHAN_WAIT_MS = 10_000;
const ORPHAN_CHECK_MS = 25;

const ProcessSchema = z.object({ pid: z.number().int(), started: z.string() });
const LockSchema = z.object({ launcher: ProcessSchema, server: ProcessSchema.nullable() });
type Lock = z.infer<typeof LockSchema>;

export interface StoreLock {
  /** Adds the server's process, so that it is found even when its launcher is gone. */
  setServer(pid: number): void;
  release(): void;
}

/** Throws NATS_UNAVAILABLE naming the pid that holds the store. */
export async function lockStore(storeDir: string): Promise<StoreLock> {
  const path = join(storeDir, 'lock.json');
  const launcher = processOf(process.pid);
  const lock: Lock = { launcher, server: null };
  while (!tryCreate(path, lock)) await clearStale(path, storeDir);
  return {
    setServer: (pid) => replace(path, { launcher, server: processOf(pid) }),
    release: () => rmSync(path, { force: true }),
  };
}

/** Returns when the lock may be tried again. */
async function clearStale(path: string, storeDir: string): Promise<void> {
  const text = readIfThere(path);
  if (text === null) return;
  const lock = parse(text);
  if (lock && isAlive(lock.launcher)) throw held(storeDir, lock.launcher.pid, lock.server?.pid);
  if (lock?.server) await waitForEnd(lock.server, storeDir);
  removeIfUnchanged(path, text);
}

/** Waits while the watchdog of a killed launcher ends the server. */
async function waitForEnd(server: Lock['launcher'], storeDir: string): Promise<void> {
  const deadline = Date.now() + ORPHAN_WAIT_MS;
  while (isAlive(server)) {
    if (Date.now() > deadline) throw held(storeDir, server.pid, server.pid);
    await delay(ORPHAN_CHECK_MS);
  }
}

function held(storeDir: string, pid: number, serverPid?: number): PipelineError {
  const server = serverPid === undefined ? '' : ` (nats-server pid ${serverPid})`;
  return new PipelineError(
    'NATS_UNAVAILABLE',
    `the store ${storeDir} is in use by process ${pid}${server}; stop it (kill ${pid}), or choose another folder ` +
      `with NIGHTSHIFT_STORE, or connect to its server with NATS_URL`,
  );
}

/** The file appears with its content or not at all: a reader never sees half a lock. */
function tryCreate(path: string, lock: Lock): boolean {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(lock));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft);
  }
}

function replace(path: string, lock: Lock): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(lock));
  renameSync(draft, path);
}

/** Another starter may have taken the stale lock over since it was read; its lock is put back. */
function removeIfUnchanged(path: string, text: string): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readFileSync(aside, 'utf8') === text) rmSync(aside);
  else renameSync(aside, path);
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Null for a file that is not ours or damaged: treated as stale. */
function parse(text: string): Lock | null {
  try {
    return LockSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

const isAlive = (holder: Lock['launcher']) => startOf(holder.pid) === holder.started;
const processOf = (pid: number): Lock['launcher'] => ({ pid, started: startOf(pid) ?? '' });

/** When the process started: tells it from a later one with the same pid. Null if there is none (or a zombie). */
function startOf(pid: number): string | null {
  return process.platform === 'linux' ? startOnLinux(pid) : startElsewhere(pid);
}

function startOnLinux(pid: number): string | null {
  const stat = readIfThere(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The name in parentheses may hold blanks; state is the first field after it, the start time the 20th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? null : `${fields[19]} of boot ${readIfThere('/proc/sys/kernel/random/boot_id')?.trim()}`;
}

function startElsewhere(pid: number): string | null {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || null;
  } catch {
    // ps exits with 1 if there is no such process.
    return null;
  }
}
