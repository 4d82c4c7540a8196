/**
 * `npm run machine:export` writes what the machine looks like to docs/: a diagram, a file for the Stately visualizer, and
 * the machine as data. With `--check` it writes nothing and fails if a file has drifted from the machine.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { renderDiagram } from './diagram.ts';
import { namedConfig } from './named-config.ts';
import { renderVisualizer } from './visualizer.ts';

const ROOT = join(import.meta.dirname, '../..');

export interface ExportedFile {
  /** From the root. */
  readonly path: string;
  readonly text: string;
}

export const exportedFiles = async (): Promise<readonly ExportedFile[]> => [
  { path: 'docs/pipeline.md', text: renderDiagram() },
  await laidOut('docs/pipeline.visualizer.js', renderVisualizer()),
  await laidOut('docs/pipeline.json', JSON.stringify(namedConfig().config)),
];

async function laidOut(path: string, text: string): Promise<ExportedFile> {
  const filepath = join(ROOT, path);
  return { path, text: await format(text, { ...(await resolveConfig(filepath)), filepath }) };
}

async function main(check: boolean) {
  for (const { path, text } of await exportedFiles()) {
    const file = join(ROOT, path);
    if (!check) writeFileSync(file, text);
    else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
      console.error(`${path} differs from the machine: run \`npm run machine:export\``);
      process.exitCode = 1;
    }
  }
}

if (process.argv[1] === import.meta.filename) await main(process.argv.includes('--check'));
