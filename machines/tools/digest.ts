/**
 * `npm run machine:digest`: the version of the pipeline machine as it stands in the files, for the table in versions.ts.
 * It is taken of the code that runs: the machine and every function of ours that it reaches, bundled. Comments, layout,
 * types and code that the machine does not reach leave no trace in it. XState itself is left out.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

/** `folder` is the one that holds pipeline.machine.ts. The printer of esbuild has a say, so its version is pinned. */
export function machineDigest(folder = join(import.meta.dirname, '..')): string {
  const { outputFiles } = buildSync({
    stdin: { contents: `export { pipelineMachine } from './pipeline.machine.ts';`, resolveDir: folder },
    bundle: true,
    write: false,
    format: 'esm',
    target: 'esnext',
    packages: 'external',
    charset: 'utf8',
    legalComments: 'none',
    // Drops the comments and the names of the files; names and syntax stay as they are written.
    minifyWhitespace: true,
    treeShaking: true,
    // The settings of a folder above would be found and might differ.
    tsconfigRaw: {},
  });
  return createHash('sha256').update(outputFiles[0]!.contents).digest('hex').slice(0, 12); // One entry, one output.
}

if (process.argv[1] === import.meta.filename) process.stdout.write(`${machineDigest()}\n`);
