/**
 * The extractor with which Stately's tools read a machine out of the text of a file. It needs XState 4, which it finds by
 * the name that XState 5 has here; so it is bundled with the one put in for the other.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import { withFolder } from '../support/folder.ts';

/** A state as the extractor tells it: guards as `cond`, actions wrapped. */
export interface ExtractedState {
  readonly [key: string]: unknown;
}
interface Extractor {
  extractMachinesFromFile(text: string): {
    readonly machines: readonly {
      toConfig(options: { readonly anonymizeInlineImplementations: boolean }): ExtractedState;
    }[];
  } | null;
}

/** The configs of the machines in a text, read and not run. */
export const extractMachines = (text: string): Promise<readonly ExtractedState[]> =>
  withFolder(async (folder) => {
    const outfile = join(folder, 'extractor.cjs');
    await build({
      entryPoints: ['@xstate/machine-extractor'],
      absWorkingDir: join(import.meta.dirname, '../..'),
      alias: { xstate: 'xstate4' },
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outfile,
    });
    const extractor = createRequire(import.meta.url)(outfile) as Extractor; // The package has no types for XState 5.
    const found = extractor.extractMachinesFromFile(text)?.machines ?? [];
    return found.map((machine) => machine.toConfig({ anonymizeInlineImplementations: false }));
  });
