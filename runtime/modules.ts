/**
 * Where the modules lie that run as a thread or a process of their own: in dist/, each made of its TypeScript source and
 * of all of ours that it imports. They are named by the path of their source from the root, without its ending. The name
 * means the same file in production, where all code is in dist/, and in tests and benches, whose sources run as they are.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export type ModuleName = `${string}.thread` | `${string}.process`;

const FOLDER = '/dist/';
const HERE = import.meta.url;

const isBuilt = HERE.includes(FOLDER) && HERE.endsWith('.js');
/** No folder inside of dist/ has its name, so that the last one is meant, wherever the package lies. */
const DIST = isBuilt
  ? new URL(HERE.slice(0, HERE.lastIndexOf(FOLDER) + FOLDER.length))
  : new URL('../dist/', import.meta.url);

// Sources that run as they are never start a thread of an older build.
if (!isBuilt) {
  const build = fileURLToPath(new URL('../build.mjs', import.meta.url));
  execFileSync(process.execPath, [build, '--if-stale', '--tests'], { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** Address of a file in dist/ by the path of its source, without the ending. */
export const builtModule = (name: ModuleName | 'runtime/child-of-parent'): URL => new URL(`${name}.js`, DIST);
