/** A stored snapshot back into memory: the chosen splits, their classes and pixels; and the ORL faces end to end. */
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../contracts/blobs.ts';
import type { SplitConfig } from '../../../contracts/configuration/data.ts';
import type { DatasetManifest, ImageSpec, SampleRecord } from '../../../contracts/dataset.ts';
import { createDirectorySource } from '../../../services/data/directory-source.ts';
import { readManifest, withSplits } from '../../../services/data/load.ts';
import { collectSnapshot, type Snapshot } from '../../../services/data/snapshot.ts';
import type { DataSource } from '../../../services/data/strategy.ts';
import { writeShard } from '../../../services/data/shards.ts';
import { decodeImage } from '../../../services/data/images.ts';
import { withScratch } from '../../../runtime/scratch.ts';
import { messageOf } from '../../support/failures.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';
import { loadSplits } from '../../support/load-splits.ts';
import { orlTest } from '../../support/orl.ts';
import { cancelled, failureOf, listSource, quietContext, samplesOf, testPng } from '../../support/samples.ts';

const GREY: ImageSpec = { width: 8, height: 10, channels: 1 };
const FIRST_TWO: SplitConfig = { strategy: 'first-n', train: 2 };
const NOBODY = { share: 0, min: 0 };
const never = new AbortController().signal;

const collect = (source: DataSource, blobs: BlobStore, image = GREY, split = FIRST_TWO): Promise<Snapshot> =>
  collectSnapshot({ ...quietContext(), sources: [source], image, split, holdOut: NOBODY, blobs });

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
    assert.is((await loadSplits(manifest, ['train', 'validation', 'held-out', 'probe'], blobs, never)).count, 10);
    assert.is((await loadSplits(manifest, ['probe'], blobs, never)).count, 6);
    assert.is((await loadSplits(manifest, ['validation'], blobs, never)).count, 0);
  }));

/** One shard, written by hand: two people, of whom `ben` is held out, and a stranger of the name of neither. */
async function storeWithStranger(blobs: BlobStore): Promise<DatasetManifest> {
  const sample = (number: number, label: string, split: SampleRecord['split'], source: string, tags: string[]) => ({
    key: String(number).padStart(8, '0'),
    record: { id: String(number), label, source, split, tags, digest: `sha256:${String(number).repeat(64)}` },
  });
  const samples = [
    sample(1, 'ada', 'train', 'auth', ['light: left']),
    sample(2, 'ada', 'probe', 'auth', []),
    sample(3, 'ben', 'held-out', 'helper', ['light: left', 'glasses']),
    sample(4, 'eve', 'stranger', 'street', []),
  ];
  async function* withPictures() {
    for (const { key, record } of samples) yield { key, record, png: await testPng(record.id) };
  }
  return withScratch(async (folder) => {
    const path = join(folder, 'shard.tar');
    await writeShard(path, withPictures());
    const shard = { blob: await blobs.put('DATASETS', 'shards/x.tar', await readFile(path)), samples: 4 };
    const counts = { train: 1, validation: 0, probe: 1, 'held-out': 1, stranger: 1, total: 4 };
    const people = { labels: ['ada', 'ben'], heldOut: ['ben'], strangers: ['eve'], learned: null };
    const rest = { faces: null, sources: [], quarantined: [], quarantinedTotal: 0 };
    return { format: 'nightshift.dataset/1', image: GREY, ...people, counts, shards: [shard], ...rest };
  });
}

test('loader: each image comes with its id and its tags, its source as the first', () =>
  withFolderBlobs(async (blobs) => {
    const manifest = await storeWithStranger(blobs);
    const { ids, tags, classes } = await loadSplits(manifest, ['train', 'held-out'], blobs, never);
    assert.equal(
      [ids, [...classes]],
      [
        ['auth/1', 'helper/3'],
        [0, 1],
      ],
    );
    assert.equal(tags, [
      ['source: auth', 'light: left'],
      ['source: helper', 'light: left', 'glasses'],
    ]);
  }));

test('loader: strangers have labels of their own, and are loaded alone', () =>
  withFolderBlobs(async (blobs) => {
    const manifest = await storeWithStranger(blobs);
    const { ids, labels, classes } = await loadSplits(manifest, ['stranger'], blobs, never);
    assert.equal([ids, labels, [...classes]], [['street/4'], ['eve'], [0]]);
    assert.match(await messageOf(loadSplits(manifest, ['probe', 'stranger'], blobs, never)), /apart/);
  }));

const PARTS = { enrolled: ['train', 'held-out'], probes: ['probe'], strangers: ['stranger'] } as const;
const ownScratch = async () =>
  (await readdir(tmpdir())).filter((name) => name.startsWith(`nightshift-scratch-${process.pid}-`));

test('loader: images with the same tags share one list of them', () =>
  withFolderBlobs(async (blobs) => {
    const { manifest } = await collect(listSource('auth', await samplesOf(['ada', 'ben'], 3)), blobs);
    const { tags } = await loadSplits(manifest, ['train', 'probe'], blobs, never);
    assert.is(tags.length, 6);
    assert.is(new Set(tags).size, 1);
  }));

test('loader: several parts come from one reading of the shards, each as if it had been loaded alone', () =>
  withFolderBlobs(async (blobs) => {
    const manifest = await storeWithStranger(blobs);
    let downloads = 0;
    const counted: BlobStore = {
      ...blobs,
      download: (ref, path) => {
        downloads += 1;
        return blobs.download(ref, path);
      },
    };
    await withSplits(manifest, PARTS, { blobs: counted, signal: never }, async (parts) => {
      for (const [name, splits] of Object.entries(PARTS)) {
        const { pixels, ...known } = await loadSplits(manifest, splits, blobs, never);
        const { read, ...part } = parts[name as keyof typeof PARTS];
        assert.equal(part, known);
        const target = new Uint8Array(pixels.length);
        await read(
          Int32Array.from({ length: part.count }, (_, at) => at),
          target,
        );
        assert.equal(target, pixels);
      }
    });
    assert.is(downloads, 1);
  }));

test('loader: the files of pixels are gone afterwards, whatever happened', () =>
  withFolderBlobs(async (blobs) => {
    const manifest = await storeWithStranger(blobs);
    const [area, before] = [GREY.height * GREY.width, await ownScratch()];
    const use = (signal: AbortSignal, work: () => Promise<void>) =>
      withSplits(manifest, PARTS, { blobs, signal }, async ({ enrolled }) => {
        assert.is((await ownScratch()).length, before.length + 1);
        await enrolled.read(Int32Array.of(1), new Uint8Array(area));
        await work();
      });
    await use(never, async () => {});
    assert.equal(await ownScratch(), before);
    const message = await messageOf(use(never, () => Promise.reject(new Error('the model diverged'))));
    assert.match(message, /the model diverged/);
    assert.equal(await ownScratch(), before);
    const stopped = await failureOf(use(AbortSignal.abort(cancelled()), async () => {}));
    assert.is(stopped.code, 'CANCELLED');
    assert.equal(await ownScratch(), before);
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
    // Four of the later images are taken so shortly after one of the first five that they are near copies of it.
    assert.equal(manifest.counts, { train: 204, validation: 0, probe: 196, 'held-out': 0, stranger: 0, total: 400 });
    assert.is(manifest.labels.length, 40);
    assert.is(manifest.quarantinedTotal, 0);
    const train = await loadSplits(manifest, ['train'], blobs, never);
    const perClass = new Map<number, number>();
    for (const one of train.classes) perClass.set(one, (perClass.get(one) ?? 0) + 1);
    assert.equal([perClass.size, Math.min(...perClass.values()), Math.max(...perClass.values())], [40, 5, 6]);
  }),
);

test.run();
