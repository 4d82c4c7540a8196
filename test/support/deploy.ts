/**
 * For the tests of deploy/: its files as YAML, whether a word stands in the documents, and tests that need a tool which is not
 * on every machine. Such a test says by name that it was left out, and passes.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import { parseAllDocuments } from 'yaml';

export const ROOT = join(import.meta.dirname, '../..');
export const DEPLOY = join(ROOT, 'deploy');

/** Each document of a text. Throws for what is no YAML. The caller says what it is; its tests look at each field. */
export const yamlOf = <T>(text: string): readonly T[] =>
  parseAllDocuments(text, { merge: true, strict: true }).map((document) => {
    if (document.errors[0]) throw document.errors[0];
    return document.toJS() as T;
  });

export const yamlIn = <T>(file: string): readonly T[] => yamlOf<T>(readFileSync(join(DEPLOY, file), 'utf8'));

const pages = readdirSync(join(ROOT, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => readFileSync(join(ROOT, 'docs', name), 'utf8'));

/** Whether a document names it as code. */
export const documented = (word: string): boolean => pages.some((page) => page.split(/[^\w./<>-]+/).includes(word));

/** Whether the tool is here and answers. */
export function hasTool(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'pipe', timeout: 20_000 });
    return true;
  } catch {
    // Absent, or unable to run here: the test that wants it says so.
    return false;
  }
}

export function unless(isHere: boolean, tool: string, name: string, run: () => void | Promise<void>): void {
  if (isHere) test(name, run);
  else test(`${name} (left out: no ${tool} here)`, () => console.log(`left out, because ${tool} is not here: ${name}`));
}
