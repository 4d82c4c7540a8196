/** Whether processes are there and at work, for tests that end them. Of others than one's own only on Linux. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** A zombie counts as ended: in a container nobody may collect it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const status = `/proc/${pid}/status`;
  return !existsSync(status) || !/^State:\s+Z/m.test(readFileSync(status, 'utf8'));
}

/** Living processes of walled sessions that this process, or another, has started. */
export function walledChildren(parent = process.pid): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => fieldsOf(pid)[1] === String(parent) && isAlive(pid))
    .filter((pid) => readProc(pid, 'cmdline').includes('walled-session'));
}

/** Those of them that have worked for as long as a model needs that does not end. */
export const busyWalled = (parent = process.pid): number[] =>
  walledChildren(parent).filter((pid) => Number(fieldsOf(pid)[11]) > BUSY_TICKS);

/** Of processor time, in hundredths of a second: starting takes about thirty. */
const BUSY_TICKS = 100;

/** The fields of /proc/<pid>/stat from the state on. */
function fieldsOf(pid: number): string[] {
  const stat = readProc(pid, 'stat');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Empty for a process that has just ended. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
