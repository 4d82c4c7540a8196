/**
 * The program that runs, for people and for signatures: its version, and one digest over all of its code. Read once, when
 * it is first asked for.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Program {
  readonly version: string;
  readonly digest: string;
}

const BUILT = 'dist';
/** Folders of dist/ that are not ours, or run in no actor. */
const NOT_OURS = ['vendor', 'bench', 'test', 'types', 'console'];
const SOURCES = ['actors', 'contracts', 'infra', 'machines', 'runtime', 'services'];

let known: Program | null = null;

/** The folder of its package, in which its documents lie as well. */
export const programRoot = (): string => packageOf(dirname(fileURLToPath(import.meta.url)));

/** The version alone, which takes no reading of the code. */
export const programVersion = (): string => versionIn(programRoot());

export function program(): Program {
  return (known ??= look(import.meta.url));
}

function look(here: string): Program {
  const isBuilt = here.endsWith('.js');
  const root = packageOf(dirname(fileURLToPath(here)));
  const folders = isBuilt ? entriesOf(join(root, BUILT)) : SOURCES;
  const files = folders.flatMap((folder) => codeIn(isBuilt ? join(root, BUILT) : root, folder)).sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file.slice(root.length)}\n`).update(readFileSync(file));
  return { version: versionIn(root), digest: `sha256:${hash.digest('hex')}` };
}

/** A package of ours has one. */
const versionIn = (root: string) =>
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;

const packageOf = (folder: string): string =>
  existsSync(join(folder, 'package.json')) ? folder : packageOf(dirname(folder));

const entriesOf = (folder: string) => readdirSync(folder).filter((name) => !NOT_OURS.includes(name));

function codeIn(root: string, entry: string): string[] {
  if (/\.(js|ts)$/.test(entry)) return [join(root, entry)];
  const isFolder = !entry.includes('.');
  if (!isFolder) return [];
  return readdirSync(join(root, entry), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(js|ts)$/.test(name))
    .map((name) => join(root, entry, name));
}
