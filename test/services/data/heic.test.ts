/** HEIC files in a thread of their own: decoded, refused, and given up. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHeicDecoder, isHeic } from '../../../services/data/heic.ts';
import { HEIC } from '../../support/heic.ts';
import { testPng } from '../../support/samples.ts';

const PIXELS_MAX = 1_000_000;

test('heic: a file is known by its first bytes, and others are not', async () => {
  assert.ok(isHeic(HEIC));
  assert.not(isHeic(await testPng('other')));
  assert.not(isHeic(Buffer.from('\0\0\0\x20ftypavif', 'latin1')));
});

test('heic: its pixels are those that were packed', async () => {
  const decoder = createHeicDecoder();
  try {
    const decoded = await decoder.decode({ bytes: HEIC, pixelsMax: PIXELS_MAX });
    assert.ok('rgba' in decoded);
    assert.equal([decoded.width, decoded.height], [96, 64]);
    const near = (x: number, y: number) => [...decoded.rgba.subarray((y * 96 + x) * 4, (y * 96 + x) * 4 + 3)];
    const isNear = (is: readonly number[], wanted: readonly number[]) =>
      is.every((value, at) => Math.abs(value - wanted[at]!) < 12);
    assert.ok(isNear(near(10, 10), [200, 200, 90]), String(near(10, 10)));
    assert.ok(isNear(near(80, 50), [40, 40, 90]), String(near(80, 50)));
  } finally {
    await decoder.close();
  }
});

test('heic: a broken file, a large one and one that takes too long are told, and the next is decoded', async () => {
  const decoder = createHeicDecoder();
  const hasty = createHeicDecoder(1);
  try {
    const cut = await decoder.decode({ bytes: HEIC.subarray(0, 200), pixelsMax: PIXELS_MAX });
    assert.ok('failure' in cut && cut.failure === 'unreadable');
    const large = await decoder.decode({ bytes: HEIC, pixelsMax: 100 });
    assert.equal(large, { failure: 'too-large', message: '6144 pixels; at most 100 are read' });
    const late = await hasty.decode({ bytes: HEIC, pixelsMax: PIXELS_MAX });
    assert.ok('failure' in late && /not decoded within/.test(late.message));
    const both = await Promise.all([1, 2].map(() => decoder.decode({ bytes: HEIC, pixelsMax: PIXELS_MAX })));
    assert.ok(both.every((answer) => 'rgba' in answer));
  } finally {
    await Promise.all([decoder.close(), hasty.close()]);
  }
});

test.run();
