/** Whether processes are there, for tests that end them. */
import { existsSync, readFileSync } from 'node:fs';

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
