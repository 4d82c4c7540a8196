/** Pixels in a file: what was written is read, in any order, and a file that is broken is said to be. */
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../../runtime/scratch.ts';
import { createPixelFile, type PixelFile } from '../../../services/data/pixel-file.ts';
import { messageOf } from '../../support/failures.ts';

const SIZE = 5;
const image = (index: number) => Uint8Array.from({ length: SIZE }, (_, at) => 10 * index + at);

const withFile = (use: (file: PixelFile, path: string) => Promise<void>) =>
  withScratch(async (folder) => {
    const path = join(folder, 'x.pixels');
    const file = await createPixelFile(path, SIZE);
    try {
      for (let index = 0; index < 6; index++) await file.append(image(index));
      await use(file, path);
    } finally {
      await file.close();
    }
  });

async function read({ read: readInto }: PixelFile, indices: readonly number[]): Promise<number[]> {
  const target = new Uint8Array(indices.length * SIZE);
  await readInto(Int32Array.from(indices), target);
  return [...target];
}

test('pixel file: images are read one by one, in a row, twice and backwards', () =>
  withFile(async (file) => {
    for (const indices of [[0], [5], [0, 1, 2, 3, 4, 5], [4, 5, 1, 2, 2, 0], [5, 4, 3], []])
      assert.equal(
        await read(file, indices),
        indices.flatMap((index) => [...image(index)]),
      );
  }));

test('pixel file: readers do not disturb each other, nor what is appended meanwhile', () =>
  withFile(async (file) => {
    const reading = Array.from({ length: 40 }, (_, turn) => read(file, [turn % 6, (turn + 3) % 6]));
    await file.append(image(6));
    const rows = await Promise.all(reading);
    rows.forEach((row, turn) => assert.equal(row, [...image(turn % 6), ...image((turn + 3) % 6)]));
    assert.equal(await read(file, [6]), [...image(6)]);
  }));

test('pixel file: one that ends too early is an error that names it', () =>
  withFile(async (file, path) => {
    await truncate(path, 3 * SIZE + 2);
    assert.equal(await read(file, [2]), [...image(2)]);
    for (const indices of [[3], [5], [2, 3]])
      assert.match(await messageOf(read(file, indices)), /x\.pixels ends before byte/);
  }));

test.run();
