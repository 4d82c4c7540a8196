/** The page and the JSON Schema of the configuration in docs/ say what the schema says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigSchema } from '../../../../infra/config/config.ts';
import { configurationFiles } from '../../../../infra/config/tools/document.ts';
import { configurationSchema, type JsonSchema } from '../../../../infra/config/tools/json-schema.ts';
import { renderPage } from '../../../../infra/config/tools/page.ts';

const ROOT = join(import.meta.dirname, '../../../..');

test('configuration: docs/ shows the settings as they are (npm run docs:configuration writes it)', async () => {
  for (const { path, text } of await configurationFiles())
    assert.is(readFileSync(join(ROOT, path), 'utf8'), text, path);
});

test('configuration: every setting is described', () => {
  const all = [...propertiesIn('', configurationSchema())];
  assert.ok(all.some(([path]) => path.endsWith('models.*.deployment.canary.share')));
  const silent = all.filter(([, { description, const: value }]) => description === undefined && value === undefined);
  assert.equal(
    silent.map(([path]) => path),
    [],
  );
});

test('configuration: the page has a row with type, default and meaning, and says large numbers in words', () => {
  const page = renderPage({
    properties: {
      waitMs: { type: 'integer', minimum: 1, default: 120_000, description: 'How long.' },
      kind: { enum: ['a', 'b'], description: 'Which.' },
    },
    required: ['kind'],
  });
  assert.match(page, '| `waitMs` | whole number from 1 | `120000` (2 min) | How long. |');
  assert.match(page, '| `kind` | `a`, `b` | required | Which. |');
});

test('configuration: the example on the page fits', () => {
  const [, example] = /```json\n([\s\S]+?)```/.exec(renderPage(configurationSchema())) ?? [];
  ConfigSchema.parse(JSON.parse(example ?? ''));
});

test('configuration: the JSON Schema refuses settings that do not exist, in every section', () => {
  const sections = [...objectsIn(configurationSchema())];
  assert.ok(sections.length > 20);
  assert.equal(
    sections.filter(({ additionalProperties }) => additionalProperties !== false),
    [],
  );
});

function* propertiesIn(path: string, schema: unknown): Generator<readonly [string, JsonSchema]> {
  if (typeof schema !== 'object' || schema === null) return;
  for (const [key, inner] of Object.entries(schema)) {
    if (key === 'properties') {
      for (const [name, property] of Object.entries(inner as Record<string, JsonSchema>)) {
        yield [`${path}.${name}`, property];
        yield* propertiesIn(`${path}.${name}`, property);
      }
    } else yield* propertiesIn(key === 'additionalProperties' ? `${path}.*` : path, inner);
  }
}

function* objectsIn(schema: unknown): Generator<JsonSchema> {
  if (typeof schema !== 'object' || schema === null) return;
  if ('properties' in schema) yield schema as JsonSchema;
  for (const inner of Object.values(schema)) yield* objectsIn(inner);
}

test.run();
