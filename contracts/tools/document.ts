/**
 * `npm run docs:contracts` writes the contracts for programs that are not ours: docs/asyncapi.json and docs/schemas/. With
 * `--check` it writes nothing and fails if a file has drifted from the schemas.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readExamples } from './api-page.ts';
import { asyncApi, type Examples } from './asyncapi.ts';
import { nameSharedParts } from './names.ts';
import { schemaFiles } from './schema-files.ts';

const ROOT = join(import.meta.dirname, '../..');
const DOCS = join(ROOT, 'docs');
const SCHEMAS = 'schemas';
const EVENT_EXAMPLES = join(DOCS, 'event-examples.json');

/** By the type of the envelope: messages of a test system (test/contracts/record-event-examples.ts). */
export const readEventExamples = (): Readonly<Record<string, unknown>> =>
  JSON.parse(readFileSync(EVENT_EXAMPLES, 'utf8')) as Readonly<Record<string, unknown>>;

export const writeEventExamples = (envelopes: Readonly<Record<string, unknown>>): void =>
  writeFileSync(EVENT_EXAMPLES, `${JSON.stringify(envelopes, null, 2)}\n`);

/** Path below docs/ -> text. */
export function contractFiles(): ReadonlyMap<string, string> {
  nameSharedParts();
  const envelopes = Object.entries(readEventExamples()).map(([type, envelope]) => [type, { envelope }] as const);
  const examples: Examples = { ...readExamples(), ...Object.fromEntries(envelopes) };
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const schemas = [...schemaFiles()].map(([name, schema]) => [join(SCHEMAS, name), schema] as const);
  const files = new Map([['asyncapi.json', asyncApi(version, examples)], ...schemas]);
  return new Map([...files].map(([path, value]) => [path, `${JSON.stringify(value, null, 1)}\n`]));
}

function main(check: boolean): void {
  const files = contractFiles();
  const isStale = (path: string) =>
    !existsSync(join(DOCS, path)) || readFileSync(join(DOCS, path), 'utf8') !== files.get(path);
  const left = readdirSync(join(DOCS, SCHEMAS))
    .map((name) => join(SCHEMAS, name))
    .filter((path) => !files.has(path));
  const stale = [...[...files.keys()].filter(isStale), ...left];
  for (const path of stale) {
    if (check) console.error(`docs/${path} differs from the contracts: run \`npm run docs:contracts\``);
    else if (left.includes(path)) rmSync(join(DOCS, path));
    else write(join(DOCS, path), files.get(path)!);
  }
  if (check && stale.length > 0) process.exitCode = 1;
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

if (process.argv[1] === import.meta.filename) main(process.argv.includes('--check'));
