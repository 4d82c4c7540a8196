/**
 * Limits the memory of another process as strictly as the machine allows: by a cgroup of its own where one may be made, by
 * `prlimit` (util-linux) otherwise. Elsewhere its owner can only look at its memory now and then. Linux only.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export interface MemoryLimit {
  readonly by: 'cgroup' | 'prlimit' | 'watching';
  /** Call it once the process has ended. */
  lift(): void;
}

/** As Linux reserves for each thread unless told otherwise. */
const STACK_BYTES = 8 * 1024 * 1024;
/** Of a process of an actor at work: those of Node, of the decoders of images, of onnxruntime. */
export const ACTOR_THREADS = 20;
const NOTHING_TO_LIFT = () => {};
const PREFIX = 'nightshift-limit-';
/** The machine does not let us make or fill a cgroup: it is read-only, somebody else's, or has no such controller. */
const FORBIDDEN: readonly unknown[] = [
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOENT',
  'EBUSY',
  'ENOTEMPTY',
  'EINVAL',
  'EOPNOTSUPP',
  'ENODEV',
];

/**
 * Of everything that the process holds, its own code and heap included. `threads`: how many it is known to have, for whose
 * stacks room is left. Never throws.
 */
export async function limitMemory(pid: number, bytes: number, threads = 0): Promise<MemoryLimit> {
  const parent = process.platform === 'linux' ? cgroupBeside() : null;
  const cgroup = parent && moveIntoCgroup(parent, pid, bytes);
  if (cgroup) return { by: 'cgroup', lift: () => removeEmpty(dirname(cgroup)) };
  return { by: (await byPrlimit(pid, bytes + threads * STACK_BYTES)) ? 'prlimit' : 'watching', lift: NOTHING_TO_LIFT };
}

/** What the process holds in memory now; null if it has ended, and where there is no /proc. */
export function residentBytes(pid: number): number | null {
  try {
    const kilobytes = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    return null;
  }
}

/**
 * RLIMIT_DATA counts the memory that a process may write to for itself; RLIMIT_AS would count what it only reserves, and
 * Node reserves a lot. The stacks of threads count whole, however little of them is used. No core file either: it would
 * hold what the process worked with.
 */
async function byPrlimit(pid: number, bytes: number): Promise<boolean> {
  try {
    await promisify(execFile)('prlimit', ['--pid', String(pid), `--data=${bytes}`, '--core=0']);
    return true;
  } catch {
    return false; // It is not installed, or may not.
  }
}

/** The folder of the cgroup in which ours lies, if those in it can be given a limit of memory; null otherwise. */
export function cgroupBeside(proc = '/proc/self'): string | null {
  const own = /^0::(\/.*)$/m.exec(read(join(proc, 'cgroup')))?.[1];
  const mount = /^(?:\S+ ){4}(\S+) .* - cgroup2 /m.exec(read(join(proc, 'mountinfo')))?.[1];
  // A path that leads outside of what we see cannot be followed.
  if (own === undefined || mount === undefined || own.includes('..')) return null;
  const parent = dirname(join(mount, own));
  const isInside = parent === mount || parent.startsWith(`${mount}/`);
  return isInside && /\bmemory\b/.test(read(join(parent, 'cgroup.subtree_control'))) ? parent : null;
}

/** Its folder; null where it may not be made. */
export function moveIntoCgroup(parent: string, pid: number, bytes: number): string | null {
  const folder = join(parent, `${PREFIX}${pid}`);
  try {
    removeEmpty(parent);
    mkdirSync(folder);
    writeFileSync(join(folder, 'memory.max'), String(bytes));
    writeFileSync(join(folder, 'memory.swap.max'), '0');
    writeFileSync(join(folder, 'cgroup.procs'), String(pid));
    return folder;
  } catch (error) {
    if (!FORBIDDEN.includes((error as NodeJS.ErrnoException).code)) throw error;
    removeEmpty(parent);
    return null;
  }
}

/** Also those that killed processes of ours left; one with a process in it stays. */
function removeEmpty(parent: string): void {
  for (const name of readdirSync(parent).filter((entry) => entry.startsWith(PREFIX))) {
    try {
      rmdirSync(join(parent, name));
    } catch (error) {
      if (!FORBIDDEN.includes((error as NodeJS.ErrnoException).code)) throw error;
    }
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
