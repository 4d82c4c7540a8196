/**
 * Temporary folders that name their process, so that those of a killed one can be told from those in use. Every folder
 * that the data services need goes through here.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'nightshift-scratch-';
const LEFTOVER = new RegExp(`^${PREFIX}(\\d+)-([0-9a-f]{8})-`);
/** Tells this process from an earlier one with the same id, which is common in containers. */
const TOKEN = randomUUID().slice(0, 8);

/** Lends a fresh folder, and removes it whatever happens; first removes those of processes that are gone. */
export async function withScratch<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  await removeLeftovers();
  const folder = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-${TOKEN}-`));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, pid, token] = LEFTOVER.exec(name) ?? [];
    if (pid === undefined || isAlive(Number(pid), token!)) continue;
    // Another process may be removing it, too.
    await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isAlive(pid: number, token: string): boolean {
  if (pid === process.pid) return token === TOKEN;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, as somebody else's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
