/**
 * The scheduling priority of a child process, so that its preparations do not slow the requests beside it. Linux only,
 * where each thread has a niceness of its own; elsewhere nothing happens. Used for model hosts, and for workers.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/** Yields to all that serve: about 1 % of a processor that others want, all of an idle one. */
const LOW = 19;
/** Ours, as it was chosen at our start. */
const NORMAL = getPriority();
/** Bit of CAP_SYS_NICE in the masks of /proc/self/status (capabilities(7)). */
const CAP_SYS_NICE = 23n;

/** A lowered process must come back before it serves, which needs a right; without the right nothing is lowered. */
export const canRestore = process.platform === 'linux' && mayRaise();

export const lowerPriority = (pid: number) => canRestore && renice(pid, LOW);
export const restorePriority = (pid: number) => canRestore && renice(pid, NORMAL);
/** For good, which takes no right: the process, and all that it starts later, serves nobody who waits. */
export const lowerForGood = (pid: number) => process.platform === 'linux' && renice(pid, LOW);

/** All threads that the process has by now; those that they start later inherit it. */
function renice(pid: number, niceness: number): void {
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), niceness);
  } catch (error) {
    // The process or one of its threads has just ended, which others notice.
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['ENOENT', 'ESRCH', 'ERR_SYSTEM_ERROR'].includes(code)) throw error;
  }
}

/** Whether a niceness may be taken back: by capability, or by a limit (RLIMIT_NICE counts 20 - niceness). */
function mayRaise(): boolean {
  const capabilities = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const limit = /^Max nice priority\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${capabilities}`) >> CAP_SYS_NICE) & 1n) === 1n || limit === 'unlimited' || Number(limit) >= 20;
}
