/** A disk that can be made full: a tmpfs whose size is changed. Only root may mount one, so it is not there everywhere. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly folder: string;
  /** Leaves so many bytes free. */
  fill(spareBytes: number): Promise<void>;
  free(): void;
}

/** nats-server promises its streams room when they are made, so there has to be some at first; it costs no memory. */
const SIZE = '8g';

export function canMount(): boolean {
  try {
    mounted(() => {});
    return true;
  } catch {
    // Not root, or in a container without the right.
    return false;
  }
}

export const withSmallDisk = <T>(use: (disk: SmallDisk) => Promise<T>): Promise<T> =>
  mounted((folder, unmount) => {
    const resize = (size: string) => execFileSync('mount', ['-o', `remount,size=${size}`, folder]);
    const fill = async (spareBytes: number) => {
      const { blocks, bfree, bsize } = await statfs(folder);
      resize(String((blocks - bfree) * bsize + spareBytes));
    };
    return use({ folder, fill, free: () => void resize(SIZE) }).finally(unmount);
  });

function mounted<T>(use: (folder: string, unmount: () => void) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'nightshift-disk-'));
  const unmount = () => {
    execFileSync('umount', ['-l', folder], { stdio: 'ignore' });
    rmdirSync(folder);
  };
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
  const answer = use(folder, unmount);
  if (!(answer instanceof Promise)) unmount();
  return answer;
}
