/** A picture is its pixels: any file without loss has its digest, and any other picture another one. */
import sharp, { type Sharp } from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pictureOf } from '../../../services/data/picture.ts';
import { randomFloats } from '../../support/tiny-model.ts';

/** Areas of colour with some noise, which files of every format hold in few bytes. */
function raster(width: number, height: number, channels: 1 | 3): Sharp {
  const noise = randomFloats(width * height * channels, 5);
  const data = Uint8Array.from(noise, (value, at) => 128 + 60 * Math.sin(at / 977) + 4 * value);
  return sharp(data, { raw: { width, height, channels } });
}
const digestOf = async (image: Sharp) => (await pictureOf(await image.toBuffer(), 'picture')).digest;

for (const [what, width, height] of [
  ['a small picture', 80, 60],
  ['one of more than is hashed', 1100, 300],
] as const)
  test(`picture: ${what} has one digest, whatever the format, compression, and metadata`, async () => {
    const png = await raster(width, height, 3).png().toBuffer();
    const digest = await digestOf(sharp(png));
    for (const [how, again] of [
      ['another compression', sharp(png).png({ compressionLevel: 1 })],
      ['WebP without loss', sharp(png).webp({ lossless: true })],
      [
        'metadata',
        sharp(png)
          .withExif({ IFD0: { Copyright: 'somebody' } })
          .png(),
      ],
      ['transparency that there is not', sharp(png).ensureAlpha().png()],
    ] as const)
      assert.is(await digestOf(again), digest, how);
    assert.is.not(await digestOf(sharp(png).jpeg({ quality: 95 })), digest);
    assert.is.not(await digestOf(sharp(png).flop().png()), digest);
  });

test('picture: turned, with the EXIF that turns it back, it is the same', async () => {
  const png = await raster(80, 60, 3).png().toBuffer();
  const turned = sharp(png).rotate(270).withMetadata({ orientation: 6 }).png();
  assert.is(await digestOf(turned), await digestOf(sharp(png)));
});

test('picture: grey in one channel or in three is the same', async () => {
  const grey = raster(40, 30, 1);
  assert.is(
    await digestOf(grey.clone().toColourspace('b-w').png()),
    await digestOf(grey.clone().toColourspace('srgb').png()),
  );
});

test('picture: the same pixels in another shape are another picture', async () => {
  const data = new Uint8Array(24 * 3).map((_, at) => at);
  const shaped = (width: number) => sharp(data, { raw: { width, height: 24 / width, channels: 3 } }).png();
  assert.is.not(await digestOf(shaped(4)), await digestOf(shaped(6)));
});

test.run();
