/** Which files are decoded: those that are documented, whatever else the decoder could read; and how soon the rest is refused. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PipelineError } from '../../../contracts/errors.ts';
import { decodeImage } from '../../../services/data/images.ts';
import { refusedFormat } from '../../../services/data/image-format.ts';
import { withFolder } from '../../support/folder.ts';

const SPEC = { width: 16, height: 16, channels: 1 } as const;
const GREY = { width: 24, height: 24, channels: 3, background: { r: 90, g: 120, b: 30 } } as const;
const picture = () => sharp({ create: GREY });
/** Two pictures, one below the other. */
const frames = sharp(Buffer.alloc(24 * 48 * 3, 80).fill(200, 0, 24 * 24 * 3), {
  raw: { width: 24, height: 48, channels: 3, pageHeight: 24 },
});

const failure = (bytes: Uint8Array) =>
  decodeImage(bytes, SPEC, 'image x').then(
    () => assert.unreachable('it was decoded') as never,
    // decodeImage throws nothing else; the assertions on its code would show another.
    (error: unknown) => error as PipelineError,
  );

test('image formats: PNG, JPEG and WebP are decoded', async () => {
  const files = [picture().png(), picture().jpeg(), picture().jpeg({ progressive: true }), picture().webp()];
  files.push(picture().webp({ lossless: true }), picture().ensureAlpha(0.5).webp());
  for (const file of files) {
    const bytes = await file.toBuffer();
    assert.is(refusedFormat(bytes), null);
    assert.is((await decodeImage(bytes, SPEC, 'image x')).length, 256);
  }
});

test('image formats: 16 bits, CMYK, a palette, an alpha channel and turned by EXIF, a picture shows what it shows', async () => {
  const raw = { width: 48, height: 48, channels: 3 } as const;
  const shades = Uint8Array.from({ length: 48 * 48 * 3 }, (_, at) => 40 + 3 * (Math.floor(at / 3) % 48));
  const shaded = sharp(shades, { raw });
  const whole = await decodeImage(await shaded.clone().png().toBuffer(), SPEC, 'image x');
  const turned = await shaded.clone().rotate(90).png().toBuffer();
  const files: readonly [what: string, bytes: Buffer, apart: number][] = [
    ['16 bits, grey', await shaded.clone().toColourspace('grey16').png().toBuffer(), 1],
    ['16 bits, colour', await shaded.clone().toColourspace('rgb16').png().toBuffer(), 1],
    ['CMYK', await shaded.clone().toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer(), 25],
    ['a palette', await shaded.clone().png({ palette: true }).toBuffer(), 3],
    ['half seen through', await shaded.clone().ensureAlpha(0.5).png().toBuffer(), 2],
    ['turned', await sharp(turned).withMetadata({ orientation: 8 }).png().toBuffer(), 1],
    ['a wide range of colours', await shaded.clone().withIccProfile('p3').png().toBuffer(), 2],
  ];
  for (const [what, bytes, apart] of files) {
    const pixels = await decodeImage(bytes, SPEC, what);
    const most = Math.max(...pixels.map((value, at) => Math.abs(value - whole[at]!)));
    assert.ok(most <= apart, `${what}: ${most} levels apart`);
  }
});

test('image formats: a broken file is told in one line, without what a decoder leaves open', async () => {
  const ihdr = Buffer.from('89504e470d0a1a0a0000000d49484452000000000000000008000000001bd2ca9e', 'hex');
  const bad = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), await picture().png().toBuffer()]);
  for (const bytes of [ihdr, bad])
    assert.match((await failure(bytes)).message, /^image x: [^\n]*[a-z0-9]; send a whole PNG, JPEG or WebP file$/);
});

const svg = (inside: string) => `<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24">${inside}</svg>`;
const box = (type: string) => Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from(`ftyp${type}`), Buffer.alloc(64)]);
const REFUSED: readonly [what: string, bytes: () => Uint8Array | Promise<Uint8Array>][] = [
  ['an SVG file', () => Buffer.from(svg('<rect width="9" height="9"/>'))],
  ['an SVG file', () => Buffer.from(`<?xml version="1.0"?>\n<!-- a face -->\n${svg('')}`)],
  ['a compressed file', () => Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0])],
  ['a GIF file', () => picture().gif().toBuffer()],
  ['a TIFF file', () => picture().tiff().toBuffer()],
  ['a HEIF or AVIF file', () => picture().avif().toBuffer()],
  ['a HEIF or AVIF file', () => box('heic')],
  ['a PDF file', () => Buffer.from('%PDF-1.7\n')],
  ['a JPEG XL file', () => Buffer.from([0xff, 0x0a, 0, 0])],
  ['a JPEG 2000 file', () => Buffer.from([0, 0, 0, 12, 0x6a, 0x50, 0x20, 0x20, 0x0d, 0x0a])],
  ['a BMP file', () => Buffer.from('BM and more')],
  ['an animated WebP file', () => frames.clone().webp({ loop: 0 }).toBuffer()],
  ['no PNG, JPEG or WebP file', () => Buffer.from('P5 24 24 255\n')],
  ['no PNG, JPEG or WebP file', () => Buffer.alloc(0)],
];
for (const [what, bytes] of REFUSED) {
  test(`image formats: ${what} is refused by name`, async () => {
    const { code, message } = await failure(await bytes());
    assert.is(code, 'IMAGE_UNREADABLE');
    assert.is(message, `image x: ${what}; send a whole PNG, JPEG or WebP file`);
  });
}

test('image formats: an SVG that refers to a file or to an address reads neither', () =>
  withFolder(async (folder) => {
    await writeFile(join(folder, 'secret.png'), await picture().png().toBuffer());
    let asked = 0;
    const server = createServer((_, response) => response.end(String((asked += 1))));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo; // It listens on TCP.
    try {
      for (const href of [`file://${join(folder, 'secret.png')}`, `http://127.0.0.1:${port}/face.png`])
        assert.match(
          (await failure(Buffer.from(svg(`<image href="${href}" width="9" height="9"/>`)))).message,
          /an SVG/,
        );
      assert.is(asked, 0);
    } finally {
      server.close();
    }
  }));

test('image formats: a WebP that goes on as an SVG is not drawn', async () => {
  const polyglot = Buffer.concat([Buffer.from('RIFF0000WEBPVP8 '), Buffer.from(svg('<rect width="9" height="9"/>'))]);
  const { code } = await failure(polyglot);
  assert.is(code, 'IMAGE_UNREADABLE');
});

test('image formats: a small file that unpacks to gigabytes is refused before it is unpacked', async () => {
  const { code, message } = await failure(bomb(50_000, 50_000));
  assert.is(code, 'IMAGE_TOO_LARGE');
  assert.match(message, /at most 40000000 pixels/);
});

test('image formats: a small file whose picture lies behind a bomb of text is decoded or refused within the limit', async () => {
  const png = await picture().png().toBuffer();
  const text = chunk('zTXt', Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(Buffer.alloc(256 * 1024 ** 2))]));
  const before = process.memoryUsage.rss();
  await decodeImage(Buffer.concat([png.subarray(0, 33), text, png.subarray(33)]), SPEC, 'image x').catch(() => null);
  assert.ok(process.memoryUsage.rss() - before < 200 * 1024 ** 2, 'the text was unpacked');
});

test('image formats: a JPEG of hundreds of scans, which would take half a minute, is refused at once', async () => {
  const startedAt = performance.now();
  assert.match((await failure(scans(882))).message, /a JPEG file of more than 32 scans/);
  assert.ok(performance.now() - startedAt < 1000);
  assert.is((await decodeImage(scans(31), SPEC, 'image x')).length, 256);
});

test('image formats: scans of a preview inside of a JPEG, or of a picture behind it, are not counted', async () => {
  const jpeg = await picture().jpeg({ progressive: true }).toBuffer();
  const preview = segment(0xe1, scans(200, 8));
  const both = Buffer.concat([jpeg.subarray(0, 2), preview, jpeg.subarray(2), scans(200, 8)]);
  assert.is((await decodeImage(both, SPEC, 'image x')).length, 256);
});

/** A progressive JPEG, all grey: one scan of the mean, and `count` that say of one coefficient's bit after the other that it is 0. */
function scans(count: number, side = 6320): Buffer {
  const blocks = Math.ceil(side / 8) ** 2;
  const oneShortCode = [1, 1, ...Array<number>(14).fill(0)];
  const head = [
    Buffer.from([0xff, 0xd8]),
    segment(0xdb, [0, ...Array<number>(64).fill(1)]),
    segment(0xc2, [8, side >> 8, side & 255, side >> 8, side & 255, 1, 1, 0x11, 0]),
    segment(0xc4, [0x00, ...oneShortCode, 0, 1]),
    // The code 0 and 14 bits: so many blocks, and 16,384 more, have nothing here. The code 10: one has nothing.
    segment(0xc4, [0x10, ...oneShortCode, 0xe0, 0]),
    segment(0xda, [1, 1, 0, 0, 0, 0]),
    Buffer.alloc(Math.ceil(blocks / 8)),
  ];
  const nothing = nothingFor(blocks);
  const refinements = Array.from({ length: count }, (_, index) => {
    const [coefficient, bit] = [1 + Math.floor(index / 14), 13 - (index % 14)];
    const before = bit === 13 ? 0 : bit + 1;
    return Buffer.concat([segment(0xda, [1, 1, 0, coefficient, coefficient, (before << 4) | bit]), nothing]);
  });
  return Buffer.concat([...head, ...refinements, Buffer.from([0xff, 0xd9])]);
}

function nothingFor(blocks: number): Buffer {
  let bits = '';
  let left = blocks;
  for (; left >= 16_384; left -= Math.min(left, 32_767))
    bits += `0${(Math.min(left, 32_767) - 16_384).toString(2).padStart(14, '0')}`;
  bits += '10'.repeat(left);
  const bytes = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1').match(/.{8}/g) ?? [];
  return Buffer.from(bytes.flatMap((byte) => (byte === '11111111' ? [255, 0] : [Number.parseInt(byte, 2)])));
}

function segment(marker: number, body: ArrayLike<number>): Buffer {
  const length = body.length + 2;
  return Buffer.concat([Buffer.from([0xff, marker, length >> 8, length & 255]), Uint8Array.from(body)]);
}

/** A PNG that says to be so large, with as many rows as a megabyte of zeros gives. */
function bomb(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const data = deflateSync(Buffer.alloc(64 * 1024 ** 2));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND'),
  ]);
}

function chunk(type: string, data: Buffer = Buffer.alloc(0)): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** As PNG has it. */
function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

test.run();
