/** What a lineage has learned: stored once, read back, and known to be unknown where it is gone. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../contracts/blobs.ts';
import type { DatasetManifest } from '../../../contracts/dataset.ts';
import type { BlobRef } from '../../../contracts/references.ts';
import { readLearned, storeLearned, type Learned } from '../../../services/data/learned.ts';
import { LOOK_ROW_BYTES } from '../../../services/data/learned-looks.ts';
import { storeManifest } from '../../../services/data/manifest.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';

const digest = (number: number) => `sha256:${number.toString(16).padStart(64, '0')}`;
const LEARNED: Learned = {
  people: new Set(['ben', 'ada']),
  images: new Set([digest(3), digest(1), digest(2)]),
  picks: new Set([digest(4)]),
  looks: [Buffer.alloc(2 * LOOK_ROW_BYTES, 7), Buffer.alloc(LOOK_ROW_BYTES, 8)],
};

const snapshotWith = (learned: DatasetManifest['learned'], blobs: BlobStore) =>
  storeManifest(
    {
      ...{ format: 'nightshift.dataset/1', image: { width: 8, height: 8, channels: 1 }, faces: null },
      ...{ labels: ['ada'], heldOut: [], strangers: [], learned, shards: [], sources: [] },
      counts: { train: 0, validation: 0, probe: 0, 'held-out': 0, stranger: 0, total: 0 },
      ...{ quarantined: [], quarantinedTotal: 0 },
    },
    blobs,
  );

async function whyUnknown(dataset: BlobRef, blobs: BlobStore): Promise<string> {
  const learned = await readLearned(dataset, blobs);
  if (typeof learned === 'string') return learned;
  throw new Error('it is known what was learned');
}

test('learned: it comes back as it was stored, 32 bytes for each image, in order, under the digest of these bytes', () =>
  withFolderBlobs(async (blobs) => {
    const stored = await storeLearned(LEARNED, blobs);
    assert.equal(stored.people, ['ada', 'ben']);
    assert.is(stored.images.key, `learned/${stored.images.digest.slice('sha256:'.length)}`);
    const hex = [1, 2, 3].map((number) => digest(number).slice('sha256:'.length)).join('');
    assert.is((await blobs.get(stored.images)).toString('hex'), hex);
    assert.equal(await readLearned(await snapshotWith(stored, blobs), blobs), LEARNED);
  }));

test('learned: the same is stored once, and no blob holds nothing but picks or looks that there are not', () =>
  withFolderBlobs(async (blobs) => {
    const keys: string[] = [];
    const put: typeof blobs.put = (bucket, key, content) => (keys.push(key), blobs.put(bucket, key, content));
    const counting = { ...blobs, put };
    const first = await storeLearned(LEARNED, counting);
    assert.equal(await storeLearned(LEARNED, counting), first);
    assert.is(keys.length, 4);
    const { picks, looks } = await storeLearned({ ...LEARNED, picks: new Set(), looks: [] }, counting);
    assert.equal([picks, looks, keys.length], [undefined, undefined, 4]);
  }));

test('learned: a snapshot of before, one that is gone and one whose list is gone or broken say in words why not', () =>
  withFolderBlobs(async (blobs) => {
    const before = await snapshotWith(null, blobs);
    assert.match(await whyUnknown(before, blobs), /does not say what was learned/);
    await blobs.remove(before.bucket, before.key);
    assert.match(await whyUnknown(before, blobs), /is gone/);
    const stored = await storeLearned(LEARNED, blobs);
    const dataset = await snapshotWith(stored, blobs);
    await blobs.remove(stored.images.bucket, stored.images.key);
    assert.match(await whyUnknown(dataset, blobs), /is gone/);
    const images = await blobs.put('DATASETS', 'learned/short', Buffer.alloc(33));
    assert.match(await whyUnknown(await snapshotWith({ ...stored, images }, blobs), blobs), /33 bytes are no list/);
  }));

test('learned: a store that fails otherwise is no snapshot that is gone', () =>
  withFolderBlobs(async (blobs) => {
    const dataset = await snapshotWith(null, blobs);
    const failing = { ...blobs, get: () => Promise.reject(new Error('the disk is on fire')) };
    const failure = await readLearned(dataset, failing).catch((error: Error) => error.message);
    assert.is(failure, 'the disk is on fire');
  }));

test.run();
