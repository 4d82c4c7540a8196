/**
 * The ORL faces (40 people, 10 images each) for tests that need real photographs. They are not part of the project:
 * `orlFolder` unpacks `../shared/data/orl-faces.tar.gz` once into `.data/`, or takes the folder that NIGHTSHIFT_ORL
 * names (empty: behave as if there were none). `orlTest` registers a test that needs them. Where they are absent it
 * prints `SKIP <name>: needs ORL faces` and registers, under the same name, a test that asserts just this absence:
 * the runner fails files with skips or without tests, and a skip must stay visible by name.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const ARCHIVE = join(REPOSITORY, '..', 'shared', 'data', 'orl-faces.tar.gz');
const UNPACKED = join(REPOSITORY, '.data', 'orl-faces');

/** A folder with one folder per person, `s1`..`s40`, each with `1.png`..`10.png`; null where there are none. */
export function orlFolder(): string | null {
  const named = process.env['NIGHTSHIFT_ORL'];
  if (named === '') return null;
  if (named !== undefined) {
    assert.ok(existsSync(join(named, 's1', '1.png')), `NIGHTSHIFT_ORL=${named}: no s1/1.png in that folder`);
    return named;
  }
  if (existsSync(UNPACKED)) return UNPACKED;
  if (!existsSync(ARCHIVE)) return null;
  unpackOnce();
  return UNPACKED;
}

/** Registers a test that gets the folder of faces; see the head of this file for what happens without them. */
export function orlTest(name: string, run: (folder: string) => void | Promise<void>): void {
  const folder = orlFolder();
  if (folder !== null) {
    test(name, () => run(folder));
    return;
  }
  console.log(`SKIP ${name}: needs ORL faces`);
  test(`${name} (skipped: needs ORL faces)`, () => assert.is(orlFolder(), null));
}

// Several test processes may come here at once: each unpacks beside the target, the first rename wins.
function unpackOnce(): void {
  mkdirSync(join(REPOSITORY, '.data'), { recursive: true });
  const temporary = mkdtempSync(join(REPOSITORY, '.data', 'unpacking-'));
  try {
    execFileSync('tar', ['-xzf', ARCHIVE, '-C', temporary]);
    renameSync(join(temporary, 'orl-faces'), UNPACKED);
  } catch (error) {
    if (!existsSync(UNPACKED)) throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
