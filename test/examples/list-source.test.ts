/** The shipped example of a source of one's own: the suite of all data sources, and a line that says nothing. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createSource } from '../../services/data/sources.ts';
import type { SourceSample } from '../../services/data/strategy.ts';
import { dataSourceConformance, readAll } from '../services/data/data-source.conformance.ts';
import { withFolder, writeImage } from '../support/folder.ts';
import { failureOf } from '../support/samples.ts';

const MODULE = join(import.meta.dirname, '../../examples/list-source.mjs');
const sourceOf = (list: string) => createSource({ type: 'module', name: 'archive', module: MODULE, options: { list } });

async function writeList(folder: string, samples: readonly SourceSample[]): Promise<string> {
  const lines: string[] = [];
  for (const [index, { label, bytes }] of samples.entries()) {
    await writeImage(folder, label, `${index}.png`, bytes);
    lines.push(`${label}/${index}.png,${label}\n`);
  }
  await writeFile(join(folder, 'people.csv'), lines.join(''));
  return join(folder, 'people.csv');
}

dataSourceConformance({
  type: 'list',
  withSource: (samples, use) => withFolder(async (folder) => use(await sourceOf(await writeList(folder, samples)))),
  withAbsent: async (use) => use(await sourceOf('/nowhere/people.csv')),
  absenceRetryable: false,
});

test('list source: a line that is not "path,person" is SOURCE_INVALID and named', () =>
  withFolder(async (folder) => {
    await writeFile(join(folder, 'people.csv'), 'ada.png\n');
    const failure = await failureOf(readAll(await sourceOf(join(folder, 'people.csv'))));
    assert.is(failure.code, 'SOURCE_INVALID');
    assert.match(failure.message, /source "archive": line 1 of \S+people\.csv/);
  }));

test.run();
