/**
 * Data for tests that are not part of the project: archives beside the repository, in `../shared/data`. Each is unpacked
 * once into `.data/`. Called by the modules that register tests which need them.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** The folder of the archive `<name>.tar.gz`, which holds one folder of that name; null where there is no such archive. */
export function sharedData(name: string): string | null {
  const folder = join(REPOSITORY, '.data', name);
  if (existsSync(folder)) return folder;
  const archive = join(REPOSITORY, '..', 'shared', 'data', `${name}.tar.gz`);
  if (!existsSync(archive)) return null;
  unpackOnce(archive, name, folder);
  return folder;
}

// Several test processes may come here at once: each unpacks beside the target, the first rename wins.
function unpackOnce(archive: string, name: string, folder: string): void {
  mkdirSync(join(REPOSITORY, '.data'), { recursive: true });
  const temporary = mkdtempSync(join(REPOSITORY, '.data', 'unpacking-'));
  try {
    execFileSync('tar', ['-xzf', archive, '-C', temporary]);
    renameSync(join(temporary, name), folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
