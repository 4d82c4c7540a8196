/** A stored snapshot back into memory: the chosen splits, their classes and pixels; and the ORL faces end to end. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../contracts/blobs.ts';
import type { SplitConfig } from '../../../contracts/configuration/data.ts';
import { SPLITS, type ImageSpec } from '../../../contracts/dataset.ts';
import { createDirectorySource } from '../../../services/data/directory-source.ts';
import { loadSplits, readManifest } from '../../../services/data/load.ts';
import { collectSnapshot, type Snapshot } from '../../../services/data/snapshot.ts';
import type { DataSource } from '../../../services/data/strategy.ts';
import { decodeImage } from '../../../services/data/images.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';
import { orlTest } from '../../support/orl.ts';
import { cancelled, failureOf, listSource, quietContext, samplesOf, testPng } from '../../support/samples.ts';

const GREY: ImageSpec = { width: 8, height: 10, channels: 1 };
const FIRST_TWO: SplitConfig = { strategy: 'first-n', train: 2 };
const never = new AbortController().signal;

const collect = (source: DataSource, blobs: BlobStore, image = GREY, split = FIRST_TWO): Promise<Snapshot> =>
  collectSnapshot({ ...quietContext(), sources: [source], image, split, blobs });

for (const channels of [1, 3] as const)
  test(`loader: pixels of ${channels} channels are those of the decoded original, classes index the labels`, () =>
    withFolderBlobs(async (blobs) => {
      const image = { ...GREY, channels };
      const { dataset } = await collect(listSource('auth', await samplesOf(['ben', 'ada'], 3)), blobs, image);
      const manifest = await readManifest(dataset, blobs);
      const { pixels, classes, labels, count, spec } = await loadSplits(manifest, ['train'], blobs, never);
      assert.equal([labels, [...classes], count, spec], [['ada', 'ben'], [1, 1, 0, 0], 4, image]);
      const area = channels * image.height * image.width;
      const second = await decodeImage(await testPng('ben/2'), image, 'ben/2');
      assert.equal(new Uint8Array(second), pixels.slice(area, 2 * area));
    }));

test('loader: several splits come together, absent ones are empty', () =>
  withFolderBlobs(async (blobs) => {
    const { manifest } = await collect(listSource('auth', await samplesOf(['ada', 'ben'], 5)), blobs);
    assert.is((await loadSplits(manifest, SPLITS, blobs, never)).count, 10);
    assert.is((await loadSplits(manifest, ['probe'], blobs, never)).count, 6);
    assert.is((await loadSplits(manifest, ['validation'], blobs, never)).count, 0);
  }));

test('loader: a pruned shard is BLOB_MISSING, a replaced one BLOB_CORRUPT', () =>
  withFolderBlobs(async (blobs) => {
    const { manifest } = await collect(listSource('auth', await samplesOf(['ada', 'ben'], 3)), blobs);
    const { bucket, key } = manifest.shards[0]!.blob;
    await blobs.put(bucket, key, Buffer.from('something else'));
    assert.is((await failureOf(loadSplits(manifest, ['train'], blobs, never))).code, 'BLOB_CORRUPT');
    await blobs.remove(bucket, key);
    assert.is((await failureOf(loadSplits(manifest, ['train'], blobs, never))).code, 'BLOB_MISSING');
  }));

test('loader: a manifest that counts other samples than its shards hold is BLOB_CORRUPT', () =>
  withFolderBlobs(async (blobs) => {
    const { manifest } = await collect(listSource('auth', await samplesOf(['ada', 'ben'], 3)), blobs);
    for (const train of [3, 5]) {
      const wrong = { ...manifest, counts: { ...manifest.counts, train } };
      assert.is((await failureOf(loadSplits(wrong, ['train'], blobs, never))).code, 'BLOB_CORRUPT');
    }
  }));

test('loader: what is no manifest is BLOB_CORRUPT', () =>
  withFolderBlobs(async (blobs) => {
    const ref = await blobs.put('DATASETS', 'manifests/x.json', Buffer.from('{"format":"other"}'));
    assert.is((await failureOf(readManifest(ref, blobs))).code, 'BLOB_CORRUPT');
  }));

test('loader: an abort ends it with its reason', () =>
  withFolderBlobs(async (blobs) => {
    const { manifest } = await collect(listSource('auth', await samplesOf(['ada', 'ben'], 3)), blobs);
    const failure = await failureOf(loadSplits(manifest, ['train'], blobs, AbortSignal.abort(cancelled())));
    assert.is(failure.code, 'CANCELLED');
  }));

orlTest('ORL: the folder collects to 400 samples of 40 people, the first five of each for training', (path) =>
  withFolderBlobs(async (blobs) => {
    const image = { width: 64, height: 64, channels: 1 } as const;
    const source = createDirectorySource({ name: 'orl', path });
    const { manifest } = await collect(source, blobs, image, { strategy: 'first-n', train: 5 });
    assert.equal(manifest.counts, { train: 200, validation: 0, probe: 200, total: 400 });
    assert.is(manifest.labels.length, 40);
    assert.is(manifest.quarantinedTotal, 0);
    const train = await loadSplits(manifest, ['train'], blobs, never);
    const perClass = new Map<number, number>();
    for (const one of train.classes) perClass.set(one, (perClass.get(one) ?? 0) + 1);
    assert.equal([...perClass.values()], Array(40).fill(5));
  }),
);

test.run();
