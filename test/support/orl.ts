/**
 * The ORL faces (40 people, 10 images each) for tests that need real photographs. They are not part of the project:
 * `orlFolder` unpacks `../shared/data/orl-faces.tar.gz` once into `.data/`, or takes the folder that NIGHTSHIFT_ORL
 * names (empty: behave as if there were none). `orlTest` registers a test that needs them. Where they are absent it
 * prints `SKIP <name>: needs ORL faces` and registers, under the same name, a test that asserts just this absence:
 * the runner fails files with skips or without tests, and a skip must stay visible by name.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sharedData } from './shared-data.ts';

/** A folder with one folder per person, `s1`..`s40`, each with `1.png`..`10.png`; null where there are none. */
export function orlFolder(): string | null {
  const named = process.env['NIGHTSHIFT_ORL'];
  if (named === '') return null;
  if (named !== undefined) {
    assert.ok(existsSync(join(named, 's1', '1.png')), `NIGHTSHIFT_ORL=${named}: no s1/1.png in that folder`);
    return named;
  }
  return sharedData('orl-faces');
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
