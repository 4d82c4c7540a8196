/** A snapshot as files: the same images as in memory, decoded once, bounded, and known errors for what is broken. */
import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openImages } from '../../../services/data/image-reader.ts';
import { withScratch } from '../../../runtime/scratch.ts';
import { spoolSplits } from '../../../services/data/spool.ts';
import type { TrainingImages } from '../../../services/data/strategy.ts';
import { loadSplits } from '../../support/load-splits.ts';
import { cancelled, failureOf } from '../../support/samples.ts';
import { withSpooled } from '../../support/spooled.ts';

const never = new AbortController().signal;

async function readAll(set: TrainingImages, indices = Int32Array.from({ length: set.count }, (_, at) => at)) {
  const { channels, height, width } = set.spec;
  const target = new Uint8Array(indices.length * channels * height * width);
  const reader = openImages(set);
  try {
    await reader.read(indices, target);
  } finally {
    reader.close();
  }
  return target;
}

for (const channels of [1, 3] as const)
  test(`spool: with ${channels} channels it holds what the snapshot holds, on the first reading and the second`, () =>
    withSpooled(
      async ({ manifest, train, probe, blobs }) => {
        for (const [split, set] of [
          ['train', train],
          ['probe', probe],
        ] as const) {
          const expected = await loadSplits(manifest, [split], blobs, never);
          assert.equal([set.count, set.labels, set.spec], [expected.count, expected.labels, expected.spec]);
          assert.equal([...set.classes], [...expected.classes]);
          assert.ok(set.decoded.every((flag) => flag === 0));
          assert.equal(await readAll(set), expected.pixels);
          assert.ok(set.decoded.every((flag) => flag === 1));
          assert.equal(await readAll(set), expected.pixels);
        }
        const all = await readAll(train);
        const size = channels * 64;
        const some = await readAll(train, Int32Array.of(7, 0, 7));
        const parts = [7, 0, 7].map((index) => [...all.subarray(index * size, (index + 1) * size)]);
        assert.equal([...some], parts.flat());
      },
      { channels },
    ));

test('spool: an image is decoded once; later readings do not look at its file', () =>
  withSpooled(async ({ train }) => {
    const pixels = await readAll(train);
    await truncate(train.spoolPath, 0);
    assert.equal(await readAll(train), pixels);
  }));

test('spool: decoded pixels take no more disk than allowed, and what does not fit is still read', () =>
  withSpooled(
    async ({ manifest, train, blobs }) => {
      const { pixels } = await loadSplits(manifest, ['train'], blobs, never);
      for (let pass = 0; pass < 2; pass++) assert.equal(await readAll(train), pixels);
      assert.equal([...train.decoded], [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
      assert.is((await stat(train.rawPath)).size, 3 * 64);
    },
    { cacheBytes: 3 * 64 + 63 },
  ));

test('spool: an image that cannot be decoded is IMAGE_UNREADABLE and named', () =>
  withSpooled(async ({ train }) => {
    const bytes = await readFile(train.spoolPath);
    bytes.fill(0, train.positions[4], train.positions[5]);
    await writeFile(train.spoolPath, bytes);
    const { code, message } = await failureOf(readAll(train));
    assert.is(code, 'IMAGE_UNREADABLE');
    assert.match(message, /auth\/ada\/3/);
    await readAll(train, Int32Array.of(0, 1, 3));
  }));

test('spool: people held out are no class', () =>
  withSpooled(async ({ manifest, blobs }) => {
    const spool = (heldOut: string[]) =>
      withScratch(async (folder) => {
        const splits = ['train'] as const;
        const [set] = await spoolSplits({
          ...{ manifest: { ...manifest, labels: ['aaron', ...manifest.labels], heldOut }, splits },
          ...{ folder, blobs, signal: never, cacheBytes: 1e6 },
        });
        return [set.labels, [...new Set(set.classes)]];
      });
    assert.equal(await spool([]), [
      ['aaron', 'ada', 'ben'],
      [1, 2],
    ]);
    assert.equal(await spool(['aaron']), [
      ['ada', 'ben'],
      [0, 1],
    ]);
    assert.is((await failureOf(spool(['ben']))).code, 'BLOB_CORRUPT');
  }));

test('spool: a replaced shard, wrong counts and unknown people are BLOB_CORRUPT, a missing shard BLOB_MISSING', () =>
  withSpooled(async ({ manifest, blobs }) => {
    const spool = (of = manifest) =>
      withScratch((folder) =>
        spoolSplits({ manifest: of, splits: ['train'], folder, blobs, signal: never, cacheBytes: 1e6 }),
      );
    for (const train of [9, 11]) {
      const wrong = { ...manifest, counts: { ...manifest.counts, train } };
      assert.is((await failureOf(spool(wrong))).code, 'BLOB_CORRUPT');
    }
    assert.is((await failureOf(spool({ ...manifest, labels: ['ada'] }))).code, 'BLOB_CORRUPT');
    const { bucket, key } = manifest.shards[0]!.blob;
    await blobs.put(bucket, key, Buffer.from('something else'));
    assert.is((await failureOf(spool())).code, 'BLOB_CORRUPT');
    await blobs.remove(bucket, key);
    assert.is((await failureOf(spool())).code, 'BLOB_MISSING');
  }));

test('spool: an abort ends it with its reason', () =>
  withSpooled(async ({ manifest, blobs, folder }) => {
    const signal = AbortSignal.abort(cancelled());
    const work = spoolSplits({ manifest, splits: ['probe'], folder, blobs, signal, cacheBytes: 1e6 });
    assert.is((await failureOf(work)).code, 'CANCELLED');
  }));

test.run();
