/**
 * Temporary folders that name their process, so that those of a killed one can be told from those in use. Every folder
 * that the data services need goes through here.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'nightshift-scratch-';
const LEFTOVER = new RegExp(`^${PREFIX}(\\d+)-([0-9a-f]{8})-`);
/** Tells this process from an earlier one with the same id, which is common in containers and after a reboot. */
const TOKEN = tokenOf(process.pid) ?? randomUUID().slice(0, 8);

/** Lends a fresh folder, and removes it whatever happens; first removes those of processes that are gone. */
export async function withScratch<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  await sweepScratch();
  const folder = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-${TOKEN}-`));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes the folders of processes that are gone: they hold images of faces. */
export async function sweepScratch(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, pid, token] = LEFTOVER.exec(name) ?? [];
    if (pid === undefined || isAlive(Number(pid), token!)) continue;
    // Another process may be removing it, too. Somebody else's is theirs to remove.
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch((error: NodeJS.ErrnoException) => {
      if (!['EACCES', 'EPERM'].includes(error.code ?? '')) throw error;
    });
  }
}

function isAlive(pid: number, token: string): boolean {
  if (pid === process.pid) return token === TOKEN;
  if (process.platform === 'linux') return tokenOf(pid) === token;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, as somebody else's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Of the boot and the moment at which the process began; null if there is none, and where there is no /proc. */
function tokenOf(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1');
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold blanks; the state is the first field after it, the moment the 20th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Ended, and its parent has not asked how.
    if (fields[0] === 'Z') return null;
    return createHash('sha256').update(`${boot} ${fields[19]}`).digest('hex').slice(0, 8);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}
