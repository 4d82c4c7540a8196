/**
 * `npm run docs:openapi` writes the OpenAPI document of the gateway to docs/openapi.json. With `--check` it writes nothing
 * and fails if the file has drifted from the schemas.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApi } from '../openapi.ts';

const FILE = join(import.meta.dirname, '../../../docs/openapi.json');

function main(check: boolean): void {
  const text = `${JSON.stringify(openApi(), null, 1)}\n`;
  if (!check) return writeFileSync(FILE, text);
  if (existsSync(FILE) && readFileSync(FILE, 'utf8') === text) return;
  console.error('docs/openapi.json differs from the routes: run `npm run docs:openapi`');
  process.exitCode = 1;
}

main(process.argv.includes('--check'));
