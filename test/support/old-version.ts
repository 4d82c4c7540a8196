/**
 * An older version of Nightshift beside this one: the tree of a commit in a temporary folder, with the packages of this
 * checkout. Its command line builds itself when it is first used. There is none where the history of git is not at hand.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const ROOT = join(import.meta.dirname, '../..');

export interface OldVersion {
  readonly commit: string;
  /** Of package.json there. */
  readonly version: string;
}

/** Without that commit a test of the same name says so: the runner fails files with skips or without tests. */
export function oldVersionTest(name: string, { commit, version }: OldVersion, run: () => Promise<void>): void {
  if (isKnown(commit)) {
    test(name, run);
    return;
  }
  console.log(`SKIP ${name}: needs the commit of ${version}`);
  test(`${name} (skipped: needs the commit of ${version})`, () => assert.not(isKnown(commit)));
}

/** Writes it into a new folder `old` in `folder`; answers the path of its command line. */
export function unpackOldVersion({ commit }: OldVersion, folder: string): string {
  const tree = join(folder, 'old');
  mkdirSync(tree);
  const archive = execFileSync('git', ['archive', commit], { cwd: ROOT, maxBuffer: ARCHIVE_BYTES_MAX });
  execFileSync('tar', ['-x', '-C', tree], { input: archive });
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  return join(tree, 'cli/nightshift.mjs');
}

const ARCHIVE_BYTES_MAX = 256 * 1024 ** 2;

function isKnown(commit: string): boolean {
  if (!existsSync(join(ROOT, '.git'))) return false;
  try {
    execFileSync('git', ['cat-file', '-e', `${commit}^{tree}`], { cwd: ROOT, stdio: 'ignore' });
    return true;
  } catch {
    // A shallow clone, or no git at all.
    return false;
  }
}
