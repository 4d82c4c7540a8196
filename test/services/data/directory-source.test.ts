/** The directory source over real folders: the conformance suite, natural order, and what is no sample. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createDirectorySource } from '../../../services/data/directory-source.ts';
import { createSource } from '../../../services/data/sources.ts';
import { IMAGE_BYTES_MAX } from '../../../services/data/images.ts';
import { failureOf } from '../../support/samples.ts';
import { dataSourceConformance, readAll } from './data-source.conformance.ts';

const sourceAt = (path: string) => createDirectorySource({ name: 'archive', path });

dataSourceConformance({
  type: 'directory',
  withSource: (samples, use) =>
    inFolder(async (folder) => {
      for (const { id, label, bytes } of samples) await place(folder, label, `${id.split('/')[1]}.png`, bytes);
      await use(sourceAt(folder));
    }),
  withAbsent: (use) => inFolder((folder) => use(sourceAt(join(folder, 'nowhere')))),
  absenceRetryable: false,
});

test('directory source: people and files come in natural order', () =>
  inFolder(async (folder) => {
    for (const [label, file] of [
      ['s10', '1.png'],
      ['s2', '10.jpg'],
      ['s2', '2.PNG'],
      ['s2', '1.webp'],
    ] as const)
      await place(folder, label, file);
    const ids = (await readAll(sourceAt(folder))).map(({ id }) => id);
    assert.equal(ids, ['s2/1.webp', 's2/2.PNG', 's2/10.jpg', 's10/1.png']);
  }));

test('directory source: notes, hidden files, nested folders and loose images are no samples', () =>
  inFolder(async (folder) => {
    await place(folder, 'ada', '1.png');
    await place(folder, 'ada', 'notes.txt');
    await place(folder, 'ada', '.2.png');
    await place(folder, join('ada', 'old.png'), '3.png');
    await place(folder, '.git', '4.png');
    await writeFile(join(folder, 'loose.png'), 'x');
    assert.equal(
      (await readAll(sourceAt(folder))).map(({ id }) => id),
      ['ada/1.png'],
    );
  }));

test('directory source: the linked folder of a person counts', () =>
  inFolder(async (folder) => {
    await place(join(folder, 'elsewhere'), 'ada', '1.png');
    await mkdir(join(folder, 'people'));
    await symlink(join(folder, 'elsewhere', 'ada'), join(folder, 'people', 'ada'));
    assert.is((await readAll(sourceAt(join(folder, 'people')))).length, 1);
  }));

test('directory source: of a huge file no more is read than is needed to refuse it', () =>
  inFolder(async (folder) => {
    await place(folder, 'ada', '1.png', Buffer.alloc(IMAGE_BYTES_MAX * 2));
    assert.is((await readAll(sourceAt(folder)))[0]?.bytes.length, IMAGE_BYTES_MAX + 1);
  }));

test('directory source: a file beside an image names its tags, and need not', () =>
  inFolder(async (folder) => {
    for (const file of ['1.png', '2.png', '3.png']) await place(folder, 'ada', file);
    await place(folder, 'ada', '1.png.json', Buffer.from('{"tags":["light: left"]}'));
    await place(folder, 'ada', '3.png.json', Buffer.from('{"taken":"2026-11-01"}'));
    assert.equal(
      (await readAll(sourceAt(folder))).map(({ id, tags }) => [id, tags]),
      [
        ['ada/1.png', ['light: left']],
        ['ada/2.png', []],
        ['ada/3.png', []],
      ],
    );
  }));

for (const text of ['{"tags":"left"}', 'light: left'])
  test(`directory source: beside an image, ${text} is SOURCE_INVALID, and the file is named`, () =>
    inFolder(async (folder) => {
      await place(folder, 'ada', '1.png');
      await place(folder, 'ada', '1.png.json', Buffer.from(text));
      const { code, message } = await failureOf(readAll(sourceAt(folder)));
      assert.is(code, 'SOURCE_INVALID');
      assert.match(message, /source "archive": .*1\.png\.json/);
    }));

test('directory source: a missing folder is named', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'nowhere');
    const failure = await failureOf(readAll(await createSource({ type: 'directory', name: 'archive', path })));
    assert.ok(failure.message.includes(path));
  }));

async function place(folder: string, label: string, file: string, bytes: Buffer = Buffer.from('x')): Promise<void> {
  await mkdir(join(folder, label), { recursive: true });
  await writeFile(join(folder, label, file), bytes);
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-people-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test.run();
