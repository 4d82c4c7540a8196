/** What a re-saved picture looks like: nearly the same, and no other picture does. */
import sharp, { type Sharp } from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLookIndex } from '../../../services/data/look-index.ts';
import { createLookShelf, LOOK_BYTES, lookOf, SIGNS_MAX, SIGNS_MAX_OF_OTHERS } from '../../../services/data/look.ts';
import { pictureOf } from '../../../services/data/picture.ts';
import { drawnAlbums } from '../../../demo/photographs.ts';

/** How many signs differ; null if they do not look alike at all. */
function apart(a: Uint8Array, b: Uint8Array): number | null {
  const index = createLookIndex(1);
  index.add(a);
  let found: number | null = null;
  index.near(b, (_, signs) => (found = signs));
  return found;
}

const drawn = async (people: number, shots: number): Promise<Uint8Array[][]> =>
  Promise.all(
    drawnAlbums({ people, served: shots, heldBack: 0 }, 1).map(({ served }) =>
      Promise.all(served.map((photograph) => photograph())),
    ),
  );
const lookAt = async (bytes: Uint8Array) => (await pictureOf(bytes, 'picture')).look;

const SAVED: Readonly<Record<string, (image: Sharp, side: number) => Sharp>> = {
  'half as large': (image, side) => image.resize(Math.round(side / 2)).png(),
  'twice as large': (image, side) => image.resize(2 * side).png(),
  'four fifths as large, as JPEG': (image, side) => image.resize(Math.round(0.8 * side)).jpeg({ quality: 60 }),
  'as JPEG of quality 90': (image) => image.jpeg({ quality: 90 }),
  'as JPEG of quality 50': (image) => image.jpeg({ quality: 50 }),
  'as WebP of quality 70': (image) => image.webp({ quality: 70 }),
  'in grey': (image) => image.greyscale().png(),
  brighter: (image) => image.linear(1, 20).png(),
  'with more contrast': (image) => image.linear(1.15, -10).png(),
};

test('look: drawn faces saved anew look alike, in every way that is promised; other pictures of the same people do not', async () => {
  const albums = await drawn(6, 3);
  for (const [how, save] of Object.entries(SAVED)) {
    for (const [image] of albums) {
      const { width } = await sharp(image).metadata();
      const saved = await save(sharp(image), width).toBuffer();
      const signs = apart(await lookAt(image!), await lookAt(saved));
      assert.ok(signs !== null && signs <= SIGNS_MAX_OF_OTHERS, `${how}: ${signs} signs`);
    }
  }
  const looks = await Promise.all(albums.flat().map(lookAt));
  looks.forEach((one, at) => looks.slice(0, at).forEach((other) => assert.is(apart(one, other), null)));
});

test('look: it has 96 bytes, is the same for the same pixels at any size above, and an even area has one', () => {
  const image = Uint8Array.from({ length: 64 * 64 }, (_, at) => (at * 37) % 251);
  const doubled = Uint8Array.from({ length: 128 * 128 }, (_, at) => image[((at >> 8) << 6) + ((at & 127) >> 1)]!);
  assert.is(lookOf(image, 64, 64).length, LOOK_BYTES);
  assert.equal(lookOf(doubled, 128, 128), lookOf(image, 64, 64));
  assert.is(lookOf(new Uint8Array(9).fill(7), 3, 3).length, LOOK_BYTES);
});

test('look: copies on a shelf are what they were, on as many shelves as they need', () => {
  const looks = Array.from({ length: 1100 }, (_, at) => new Uint8Array(LOOK_BYTES).fill(at));
  const shelf = createLookShelf();
  const copies = looks.map(shelf);
  looks.forEach((look, at) => {
    assert.equal(copies[at], look);
    look.fill(255);
  });
  copies.forEach((copy, at) => assert.is(copy[LOOK_BYTES - 1], at % 256));
  assert.is(new Set(copies.map(({ buffer }) => buffer)).size, 3);
});

test('look: with the same signs, a picture whose coarse parts differ is another one', () => {
  const look = lookOf(
    Uint8Array.from({ length: 1024 }, (_, at) => (at * 37) % 251),
    32,
    32,
  );
  const other = new Uint8Array(look);
  for (let at = 32; at < LOOK_BYTES; at += 2) other[at] = 0;
  assert.is(apart(look, look), 0);
  assert.is(apart(look, other), null);
  assert.ok(SIGNS_MAX > SIGNS_MAX_OF_OTHERS);
});

test.run();
