/** Pictures in which nobody can be, and faces, of which none is taken for such a picture. */
import { readFile } from 'node:fs/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import sharp from 'sharp';
import type { ImageSpec } from '../../../contracts/dataset.ts';
import { listPeople } from '../../../services/data/people-folder.ts';
import { BLANK_DEVIATION_MAX, decodeImage, isBlank, lacksMemory, refuseBlank } from '../../../services/data/images.ts';
import { createRandom, normal } from '../../../services/training/random.ts';
import { orlTest } from '../../support/orl.ts';
import { testPng } from '../../support/samples.ts';

const GREY: ImageSpec = { width: 64, height: 64, channels: 1 };
const COLOUR: ImageSpec = { width: 32, height: 48, channels: 3 };

/** A JPEG of 320 x 240 pixels, as a camera would send it. */
async function photograph(valueAt: (x: number, channel: number) => number): Promise<Buffer> {
  const raw = { width: 320, height: 240, channels: 3 } as const;
  const pixels = Uint8Array.from({ length: 320 * 240 * 3 }, (_, at) => {
    return Math.max(0, Math.min(255, Math.round(valueAt(Math.floor(at / 3) % 320, at % 3))));
  });
  return sharp(pixels, { raw }).jpeg().toBuffer();
}

const random = createRandom(1);
for (const [what, valueAt] of [
  ['black', () => 0],
  ['white', () => 255],
  ['of one colour', (_: number, channel: number) => [200, 30, 90][channel]!],
  ['dark and noisy', () => 12 + 8 * normal(random)],
  ['a wall with a faint shade', (x: number) => 120 + (5 * x) / 320],
] as const)
  test(`blank: a picture that is ${what} is refused, grey and in colour`, async () => {
    const bytes = await photograph(valueAt);
    for (const spec of [GREY, COLOUR]) {
      const pixels = await decodeImage(bytes, spec, 'x');
      assert.ok(isBlank(pixels, spec));
      assert.throws(() => refuseBlank(pixels, spec, 'auth/7'), /^auth\/7: one even area/);
    }
  });

test('blank: a picture that shows something is not', async () => {
  for (const spec of [GREY, COLOUR]) {
    const pixels = await decodeImage(await testPng('something', 64), spec, 'x');
    assert.not(isBlank(pixels, spec));
    refuseBlank(pixels, spec, 'x');
  }
});

test('blank: the limit is one of the standard deviation', () => {
  const halves = (low: number, high: number) => Uint8Array.from({ length: 64 * 64 }, (_, at) => (at % 2 ? low : high));
  assert.ok(isBlank(halves(100, 100 + 2 * BLANK_DEVIATION_MAX - 1), GREY));
  assert.not(isBlank(halves(100, 100 + 2 * BLANK_DEVIATION_MAX), GREY));
});

orlTest('blank: no face is near the limit, at any size', async (folder) => {
  const files = (await listPeople(folder)).flatMap((person) => person.files);
  for (const file of files) {
    const pixels = await decodeImage(await readFile(file), { width: 8, height: 8, channels: 1 }, file);
    // Twice as even, it would still be none.
    assert.not(
      isBlank(
        pixels.map((value) => value / 2),
        { width: 8, height: 8, channels: 1 },
      ),
      file,
    );
  }
});

test('images: a decoder without memory is told from a broken file', () => {
  for (const said of [
    'VipsJpeg: Insufficient memory (case 4)',
    'out of memory --- size == 137MB',
    'libpng: Out of memory',
  ])
    assert.ok(lacksMemory(new Error(said)), said);
  assert.not(lacksMemory(new Error('VipsJpeg: premature end of JPEG image')));
});

test.run();
