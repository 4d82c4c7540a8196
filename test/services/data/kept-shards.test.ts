/** Snapshots that share: night after night over a folder of blobs, what is stored anew and what stays as it lies there. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../contracts/blobs.ts';
import type { DatasetManifest } from '../../../contracts/dataset.ts';
import { allShards } from '../../../services/data/kept-shards.ts';
import { SHARD_SAMPLES_MIN } from '../../../services/data/shard-plan.ts';
import { collectSnapshot, type Snapshot, type SnapshotJob } from '../../../services/data/snapshot.ts';
import type { SourceSample } from '../../../services/data/strategy.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';
import { loadSplits } from '../../support/load-splits.ts';
import { listSource, quietContext, samplesOf } from '../../support/samples.ts';

const PEOPLE = ['ada', 'ben', 'cleo', 'dora', 'eva', 'finn', 'gil', 'hana'];

interface Nights {
  readonly blobs: BlobStore;
  /** The one after the last; `anew`: it knows of none before. */
  night(samples: readonly SourceSample[], more?: Partial<SnapshotJob> & { readonly anew?: boolean }): Promise<Snapshot>;
}

const withNights = (use: (nights: Nights) => Promise<void>) =>
  withFolderBlobs(async (blobs) => {
    let last: Snapshot | null = null;
    const night: Nights['night'] = async (samples, { anew = false, ...more } = {}) => {
      last = await collectSnapshot({
        ...quietContext(),
        ...{ image: { width: 8, height: 8, channels: 1 }, split: { strategy: 'first-n', train: 400 } },
        ...{ holdOut: { share: 0, min: 0 }, blobs, sources: [listSource('doors', samples)] },
        champion: anew ? null : (last?.dataset ?? null),
        ...more,
      });
      return last;
    };
    await use({ blobs, night });
  });

const digestsOf = ({ shards }: DatasetManifest) => shards.map(({ blob }) => blob.digest);
/** Shards of `after` that `before` has not. */
const newIn = (after: Snapshot, before: Snapshot) =>
  after.manifest.shards.filter(({ blob }) => !digestsOf(before.manifest).includes(blob.digest));
const idsOf = async (blobs: BlobStore, { manifest }: Snapshot) => {
  const { ids } = await loadSplits(manifest, ['train', 'probe'], blobs, new AbortController().signal);
  return ids.toSorted();
};

test('snapshots share: new pictures go into one shard, and all others stay as they are', () =>
  withNights(async ({ blobs, night }) => {
    const pictures = await samplesOf(PEOPLE, 101);
    const isNew = ({ id }: SourceSample) => id.endsWith('/100');
    const first = await night(pictures.filter((it) => !isNew(it)));
    assert.ok(first.manifest.shards.length > 1);
    const second = await night(pictures);
    assert.equal(
      newIn(second, first).map(({ samples }) => samples),
      [PEOPLE.length],
    );
    assert.is(second.manifest.shards.length, first.manifest.shards.length + 1);
    assert.equal(await idsOf(blobs, second), pictures.map(({ id }) => `doors/${id}`).sort());
  }));

test('snapshots share: the order of a source moves nothing', () =>
  withNights(async ({ night }) => {
    const pictures = await samplesOf(PEOPLE, 40);
    const first = await night(pictures);
    const second = await night(pictures.toReversed(), { split: { strategy: 'first-n', train: 400 } });
    assert.equal(digestsOf(second.manifest), digestsOf(first.manifest));
  }));

test('snapshots share: without a snapshot before, cuts by content leave most shards as they are', () =>
  withNights(async ({ night }) => {
    const pictures = await samplesOf(PEOPLE, 300);
    const first = await night(pictures);
    const second = await night(pictures.toSpliced(600, 1), { anew: true });
    assert.ok(newIn(second, first).length < first.manifest.shards.length);
  }));

test('snapshots share: what left its source is in no shard of the next night', () =>
  withNights(async ({ blobs, night }) => {
    const pictures = await samplesOf(PEOPLE, 100);
    const first = await night(pictures);
    const rest = pictures.filter(({ label }) => label !== 'ben');
    const second = await night(rest);
    assert.equal(await idsOf(blobs, second), rest.map(({ id }) => `doors/${id}`).sort());
    assert.ok(newIn(second, first).length < second.manifest.shards.length, 'shards without ben stay');
  }));

test('snapshots share: another name of a picture, another split or another size is another sample', () =>
  withNights(async ({ night }) => {
    const pictures = await samplesOf(PEOPLE, 30);
    const first = await night(pictures);
    const renamed = pictures.map((it) => ({ ...it, label: it.label === 'ada' ? 'ines' : it.label }));
    assert.ok(newIn(await night(renamed), first).length > 0);
    const size = await night(pictures, { image: { width: 9, height: 8, channels: 1 } });
    assert.is(newIn(size, first).length, size.manifest.shards.length);
    const split = await night(pictures, { split: { strategy: 'first-n', train: 2 }, champion: null });
    assert.is(newIn(split, first).length, split.manifest.shards.length);
  }));

test('snapshots share: a shard that is gone or broken is stored again', () =>
  withNights(async ({ blobs, night }) => {
    const pictures = await samplesOf(PEOPLE, 60);
    const first = await night(pictures);
    const [one] = first.manifest.shards;
    await blobs.remove(one!.blob.bucket, one!.blob.key);
    const second = await night(pictures);
    assert.is((await idsOf(blobs, second)).length, pictures.length);
    const [other] = second.manifest.shards;
    await blobs.put(other!.blob.bucket, other!.blob.key, Buffer.from('something else'));
    assert.is((await idsOf(blobs, await night(pictures))).length, pictures.length);
  }));

test('snapshots share: many small shards become few', () =>
  withNights(async ({ blobs, night }) => {
    const pictures = (await samplesOf(['ada', 'ben'], 40)).toSorted(
      (a, b) => Number(a.id.slice(4)) - Number(b.id.slice(4)),
    );
    const small = (snapshot: Snapshot) =>
      snapshot.manifest.shards.filter(({ samples }) => samples < SHARD_SAMPLES_MIN).length;
    const counts: number[] = [];
    let last: Snapshot | null = null;
    for (let shots = 10; shots <= 80; shots += 2) {
      last = await night(pictures.slice(0, shots));
      counts.push(small(last));
    }
    assert.ok(Math.max(...counts) <= 18, counts.join());
    assert.ok(
      counts.some((count, at) => count < counts[at - 1]!),
      'none was merged',
    );
    assert.is((await idsOf(blobs, last!)).length, 80);
  }));

test('snapshots share: of the same content no shard is read, unless somebody was taken out of it', () =>
  withNights(async ({ blobs, night }) => {
    const pictures = await samplesOf(PEOPLE, 60);
    const first = await night(pictures);
    const { content, shards } = first.manifest;
    assert.equal(await allShards(first.manifest, content!, pictures.length, blobs), shards);
    const without = { ...first.manifest, shards: shards.slice(1) };
    assert.is(await allShards(without, content!, pictures.length, blobs), null);
    assert.is(await allShards(first.manifest, `sha256:${'0'.repeat(64)}`, pictures.length, blobs), null);
    const unread = { ...blobs, download: () => Promise.reject(new Error('a shard was read')) };
    assert.equal(digestsOf((await night(pictures, { blobs: unread })).manifest), digestsOf(first.manifest));
  }));

test.run();
