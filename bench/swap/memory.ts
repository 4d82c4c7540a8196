/**
 * The memory of a process and of all its descendants. Linux counts it as proportional set size: pages that several
 * processes share are divided among them, so that nothing is counted twice.
 */
import { readFileSync } from 'node:fs';

/** In MB; null where the system does not tell. Processes that end meanwhile count nothing. */
export function memoryOf(pids: readonly number[]): number | null {
  if (process.platform !== 'linux') return null;
  const kilobytes = pids.flatMap(withDescendants).map(pssOf);
  return kilobytes.reduce((sum, x) => sum + x, 0) / 1024;
}

/** Node starts processes from its main thread alone, whose number is that of the process. */
function withDescendants(pid: number): number[] {
  const children = orGone(() => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'), '');
  return [pid, ...children.split(' ').filter(Boolean).map(Number).flatMap(withDescendants)];
}

/** Those that live now, without the process itself. */
export const descendantsOf = (pid: number): number[] => withDescendants(pid).slice(1);

const pssOf = (pid: number) =>
  orGone(() => Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0), 0);

function orGone<T>(read: () => T, gone: T): T {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // Of node:fs.
    if (code === 'ENOENT' || code === 'ESRCH') return gone;
    throw error;
  }
}
