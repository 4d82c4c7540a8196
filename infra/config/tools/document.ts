/**
 * `npm run docs:configuration` writes what can be configured to docs/: a page for people and a JSON Schema for editors. With
 * `--check` it writes nothing and fails if a file has drifted from the schema.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { configurationSchema } from './json-schema.ts';
import { renderPage } from './page.ts';

const ROOT = join(import.meta.dirname, '../../..');

export interface WrittenFile {
  /** From the root. */
  readonly path: string;
  readonly text: string;
}

export async function configurationFiles(): Promise<readonly WrittenFile[]> {
  const schema = configurationSchema();
  return [
    await laidOut('docs/configuration.md', renderPage(schema)),
    await laidOut('docs/nightshift.schema.json', JSON.stringify(schema)),
  ];
}

async function laidOut(path: string, text: string): Promise<WrittenFile> {
  const filepath = join(ROOT, path);
  return { path, text: await format(text, { ...(await resolveConfig(filepath)), filepath }) };
}

async function main(check: boolean) {
  for (const { path, text } of await configurationFiles()) {
    const file = join(ROOT, path);
    if (!check) writeFileSync(file, text);
    else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
      console.error(`${path} differs from the schema: run \`npm run docs:configuration\``);
      process.exitCode = 1;
    }
  }
}

if (process.argv[1] === import.meta.filename) await main(process.argv.includes('--check'));
