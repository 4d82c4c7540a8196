/** The pictures of the memory bench: a folder for each person, no two alike, the same ones each time. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { personName, writePictures } from '../../../bench/memory/pictures.ts';
import { withScratch } from '../../../runtime/scratch.ts';
import { decodeImage } from '../../../services/data/images.ts';

const SPEC = { width: 112, height: 112, channels: 3 } as const;

test('memory bench: pictures are of their size, each of its own, and the same the next time', () =>
  withScratch(async (folder) => {
    const pixelsIn = async (name: string) => {
      await writePictures(join(folder, name), 7, 3);
      const files = (await readdir(join(folder, name), { recursive: true })).filter((file) => file.endsWith('.jpg'));
      const pictures = files
        .sort()
        .map(async (file) => decodeImage(await readFile(join(folder, name, file)), SPEC, file));
      return { files, pixels: (await Promise.all(pictures)).map((bytes) => Buffer.from(bytes).toString('hex')) };
    };
    const first = await pixelsIn('first');
    assert.is(new Set(first.pixels).size, 7);
    assert.equal(
      first.files.filter((file) => file.startsWith(personName(0))),
      ['0.jpg', '3.jpg', '6.jpg'].map((file) => join(personName(0), file)),
    );
    assert.equal(await pixelsIn('second'), first);
    await writePictures(join(folder, 'second'), 2, 3, 7);
    const more = await pixelsIn('second');
    assert.equal(
      more.files.filter((file) => !first.files.includes(file)),
      [join(personName(1), '7.jpg'), join(personName(2), '8.jpg')],
    );
    assert.is(new Set(more.pixels).size, 9);
  }));

test.run();
