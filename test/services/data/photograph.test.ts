/** Photographs of telephones at the edge of a source: scaled and upright, the same bytes each time; none is lost. */
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PHOTOGRAPHS_DEFAULT } from '../../../contracts/configuration/sources.ts';
import { IMAGE_BYTES_MAX } from '../../../contracts/inference.ts';
import { withScaledPhotographs } from '../../../services/data/photograph.ts';
import { HEIC } from '../../support/heic.ts';
import { listSource, testPng } from '../../support/samples.ts';
import { readItems } from './data-source.conformance.ts';

const LIMITS = PHOTOGRAPHS_DEFAULT;

async function scaled(bytes: Buffer, limits = LIMITS) {
  const source = listSource('phone', [{ id: 'a', label: 'ada', bytes, tags: ['light: left'] }]);
  const [item] = await readItems(withScaledPhotographs(source, limits));
  return item!;
}

/** Dark above and bright below, of random grain, so that it cannot be packed. */
async function photograph(width: number, height: number, orientation = 1): Promise<Buffer> {
  const noise = { type: 'gaussian', mean: 60, sigma: 40 } as const;
  const grain = sharp({ create: { width, height, channels: 3, background: 'black', noise } });
  const create = { width, height: Math.floor(height / 2), channels: 3, background: '#c8c8c8' } as const;
  const bright = await sharp({ create }).png().toBuffer();
  return grain
    .composite([{ input: bright, gravity: 'south', blend: 'lighten' }])
    .withMetadata({ orientation })
    .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
    .toBuffer();
}

/** Of 12 megapixels, lying on its side. */
const large = await photograph(4000, 3000, 6);

test('photograph: one of 12 megapixels is scaled and turned, and is the same each time', async () => {
  assert.ok(large.length > IMAGE_BYTES_MAX);
  const item = await scaled(large);
  assert.ok('bytes' in item && item.bytes.length <= IMAGE_BYTES_MAX, 'it is small enough');
  assert.equal([item.id, item.label, item.tags], ['a', 'ada', ['light: left']]);
  const { width, height, orientation } = await sharp(item.bytes).metadata();
  assert.equal([width, height, orientation ?? 1], [1536, 2048, 1]);
  // What was above is on the right.
  const half = async (left: number) =>
    sharp(await sharp(item.bytes).extract({ left, top: 0, width: 768, height: 2048 }).toBuffer()).stats();
  const [left, right] = await Promise.all([half(0), half(768)]);
  assert.ok(left.channels[0]!.mean > right.channels[0]!.mean + 50, 'the bright half is on the left');
  const again = await scaled(large);
  assert.ok('bytes' in again && again.bytes.equals(item.bytes), 'the same bytes');
});

test('photograph: one of 48 megapixels is read, though its file is small', async () => {
  const create = { width: 8000, height: 6000, channels: 3, background: '#888' } as const;
  const input = await photograph(600, 400);
  const wide = await sharp({ create })
    .composite([{ input, gravity: 'center' }])
    .jpeg({ quality: 95 })
    .toBuffer();
  assert.ok(wide.length <= IMAGE_BYTES_MAX, 'few bytes, many pixels');
  const item = await scaled(wide);
  assert.ok('bytes' in item);
  assert.is((await sharp(item.bytes).metadata()).width, 2048);
});

test('photograph: a HEIC file becomes one that everybody reads', async () => {
  const item = await scaled(HEIC);
  assert.ok('bytes' in item);
  const { format, width, height } = await sharp(item.bytes).metadata();
  assert.equal([format, width, height], ['jpeg', 96, 64]);
  const broken = await scaled(HEIC.subarray(0, 300));
  assert.ok('fault' in broken && broken.fault === 'unreadable');
});

test('photograph: all that is accepted anyway goes on byte by byte', async () => {
  for (const bytes of [await testPng('small'), await photograph(900, 700), Buffer.alloc(300_000, 'no picture')]) {
    const item = await scaled(bytes);
    assert.ok('bytes' in item && item.bytes === bytes);
  }
});

test('photograph: one that is too large or broken is one bad item', async () => {
  const cases = [
    [await scaled(large, { ...LIMITS, bytesMax: 1_000_000 }), 'too-large', /^a: more than 1000000 bytes/],
    [await scaled(large, { ...LIMITS, pixelsMax: 1_000_000 }), 'too-large', /^a: 12000000 pixels; at most 1000000/],
    [await scaled(large.subarray(0, large.length - 100_000)), 'unreadable', /^a: /],
  ] as const;
  for (const [item, fault, message] of cases) {
    assert.ok('fault' in item);
    assert.is(item.fault, fault);
    assert.match(item.message, message);
  }
});

test.run();
