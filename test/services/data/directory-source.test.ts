/** The directory source over real folders: the conformance suite, natural order, and what is no sample. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import sharp from 'sharp';
import { createDirectorySource } from '../../../services/data/directory-source.ts';
import { createSource } from '../../../services/data/sources.ts';
import { IMAGE_BYTES_MAX } from '../../../contracts/inference.ts';
import type { SourceItem, SourceSample } from '../../../services/data/strategy.ts';
import { findPeople } from '../../../services/data/people-folder.ts';
import { cancelled, failureOf } from '../../support/samples.ts';
import { dataSourceConformance, readAll, readItems } from './data-source.conformance.ts';

const sourceAt = (path: string) => createDirectorySource({ name: 'archive', path });

async function placeAll(folder: string, samples: readonly SourceSample[]): Promise<void> {
  for (const { id, label, bytes, tags } of samples) {
    const file = `${id.split('/')[1]}.png`;
    await place(folder, label, file, bytes);
    if (tags) await place(folder, label, `${file}.json`, Buffer.from(JSON.stringify({ tags })));
  }
}

dataSourceConformance({
  type: 'directory',
  withSource: (samples, use) =>
    inFolder(async (folder) => {
      await placeAll(folder, samples);
      await use(sourceAt(folder));
    }),
  hasTags: true,
  withBroken: (samples, use) =>
    inFolder(async (folder) => {
      await placeAll(folder, samples);
      await symlink('/nowhere', join(folder, 'ada', 'x.png'));
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

test('directory source: folders below a person are looked into; all that is no sample is counted by its kind', () =>
  inFolder(async (folder) => {
    await place(folder, 'ada', '1.png');
    await place(folder, join('ada', '2024', 'summer'), '3.jpg');
    await place(folder, 'ada', 'notes.txt');
    await place(folder, 'ada', 'Ada.Lovelace');
    await place(folder, 'ada', '.2.png');
    await place(folder, '.git', '4.png');
    await writeFile(join(folder, 'loose.png'), 'x');
    const items = await readItems(sourceAt(folder));
    assert.equal(idsOf(items), ['ada/1.png', 'ada/2024/summer/3.jpg']);
    assert.equal(
      items.find((item) => 'passedOver' in item),
      {
        passedOver: {
          '.txt file': 1,
          'file outside of a folder': 1,
          'hidden file': 1,
          'hidden folder': 1,
          'other file': 1,
        },
      },
    );
  }));

test('directory source: content decides what is an image, not the name', () =>
  inFolder(async (folder) => {
    const png = await tinyPng();
    await place(folder, 'ada', 'scan', png);
    await place(folder, 'ada', 'scan.txt', png);
    await place(folder, 'ada', 'photo.heic');
    assert.equal(idsOf(await readItems(sourceAt(folder))), ['ada/photo.heic', 'ada/scan', 'ada/scan.txt']);
  }));

test('directory source: a link to nothing, a pipe, a link in a circle and a folder in place of an image are one bad item each', () =>
  inFolder(async (folder) => {
    await place(folder, 'ada', '1.png');
    await symlink(join(folder, 'nowhere.png'), join(folder, 'ada', '2.png'));
    execFileSync('mkfifo', [join(folder, 'ada', '3.png'), join(folder, 'pipe')]);
    await symlink('4.png', join(folder, 'ada', '4.png'));
    await symlink(join(folder, 'ada'), join(folder, 'ada', 'again'));
    await symlink(join(folder, 'gone'), join(folder, 'ben'));
    const items = await readItems(sourceAt(folder));
    assert.equal(idsOf(items), ['ada/1.png']);
    assert.equal(
      items.flatMap((item) => ('fault' in item ? [`${item.label} ${item.fault} ${item.message}`] : [])),
      [
        'ada unavailable ada/2.png: it is gone, or a link to nothing',
        'ada unavailable ada/3.png: a named pipe, no file',
        'ada unavailable ada/4.png: a link that leads to itself',
        'ben unavailable ben: it is gone, or a link to nothing',
        'pipe unavailable pipe: a named pipe, no file',
      ],
    );
    assert.equal(
      items.find((item) => 'passedOver' in item),
      { passedOver: { 'link to a folder that was read': 1 } },
    );
  }));

test('directory source: folders with links to one another are read once each, however many ways lead there', () =>
  inFolder(async (folder) => {
    const names = Array.from({ length: 12 }, (_, at) => `f${at}`);
    for (const name of names) await place(folder, join('ada', name), `${name}.png`);
    for (const from of names)
      for (const to of names) if (from !== to) await symlink(join('..', to), join(folder, 'ada', from, `to-${to}`));
    const items = await readItems(sourceAt(folder));
    assert.is(idsOf(items).length, names.length);
    // Eight of them one below the other, and the others from the person's own folder.
    const { passedOver } = items.find((item) => 'passedOver' in item)!;
    assert.ok(passedOver['link to a folder that was read']! > 100, JSON.stringify(passedOver));
  }));

test('directory source: a folder without an image is counted, and one whose name is no UTF-8 is told as such', () =>
  inFolder(async (folder) => {
    await place(folder, 'ada', '1.png');
    await place(folder, 'cleo', 'notes.txt');
    await mkdir(join(folder, 'ben', '2024'), { recursive: true });
    const latin = (...bytes: number[]) => Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(bytes)]);
    await mkdir(latin(0x4a, 0x6f, 0x73, 0xe9));
    await writeFile(Buffer.concat([latin(), Buffer.from('ada/caf'), Buffer.from([0xe9]), Buffer.from('.png')]), 'x');
    const items = await readItems(sourceAt(folder));
    assert.equal(
      items.flatMap((item) => ('fault' in item ? [item.message] : [])),
      ['Jos\uFFFD: its name is not written in UTF-8', 'ada/caf\uFFFD.png: its name is not written in UTF-8'],
    );
    assert.equal(
      items.find((item) => 'passedOver' in item),
      { passedOver: { '.txt file': 1, 'folder without an image': 2 } },
    );
  }));

test('directory source: an abort ends the walk through the folders, too', () =>
  inFolder(async (folder) => {
    for (const name of ['ada', 'ben', 'cleo']) await place(folder, name, '1.png');
    const controller = new AbortController();
    const walking = findPeople(folder, controller.signal);
    controller.abort(cancelled());
    assert.is((await failureOf(walking)).code, 'CANCELLED');
  }));

test('directory source: a file that is gone when its turn comes is one bad item', () =>
  inFolder(async (folder) => {
    for (const file of ['1.png', '2.png', '3.png']) await place(folder, 'ada', file);
    const items: SourceItem[] = [];
    for await (const item of sourceAt(folder).samples(new AbortController().signal)) {
      if ('bytes' in item) await rm(join(folder, 'ada', '2.png'), { force: true });
      items.push(item);
    }
    assert.equal(idsOf(items), ['ada/1.png', 'ada/3.png']);
    assert.is(items.filter((item) => 'fault' in item && item.id === 'ada/2.png').length, 1);
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
    const photographs = { bytesMax: IMAGE_BYTES_MAX };
    const source = createDirectorySource({ name: 'archive', path: folder, photographs });
    assert.is((await readAll(source))[0]?.bytes.length, IMAGE_BYTES_MAX + 1);
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

test('directory source: an image beside a file that holds no tags is quarantined, and the file is named', () =>
  inFolder(async (folder) => {
    const texts = ['{"tags":"left"}', 'light: left'];
    for (const [index, text] of texts.entries()) {
      await place(folder, 'ada', `${index}.png`);
      await place(folder, 'ada', `${index}.png.json`, Buffer.from(text));
    }
    const faults = (await readItems(sourceAt(folder))).filter((item) => 'fault' in item);
    assert.equal(
      faults.map(({ fault }) => fault),
      ['invalid-tags', 'invalid-tags'],
    );
    assert.match(faults[0]!.message, /ada\/0\.png\.json does not hold the tags/);
  }));

test('directory source: a missing folder is named', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'nowhere');
    const failure = await failureOf(readAll(await createSource({ type: 'directory', name: 'archive', path })));
    assert.ok(failure.message.includes(path));
  }));

const idsOf = (items: readonly SourceItem[]) => items.flatMap((item) => ('bytes' in item ? [item.id] : []));

const tinyPng = () =>
  sharp({ create: { width: 8, height: 8, channels: 3, background: 'white' } })
    .png()
    .toBuffer();

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
