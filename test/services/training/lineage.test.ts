/** Whether weights may be begun with: over snapshots of several nights, each as the collector stores it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../contracts/blobs.ts';
import { collectSnapshot, type Snapshot } from '../../../services/data/snapshot.ts';
import { storeManifest } from '../../../services/data/manifest.ts';
import { lineageBreak } from '../../../services/training/lineage.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';
import { listSource, quietContext, samplesOf } from '../../support/samples.ts';

const PEOPLE = ['ada', 'ben', 'cleo', 'dora', 'emil', 'finn'];

/** Six people, two of whom are held out. */
async function night(
  blobs: BlobStore,
  champion: Snapshot | null = null,
  { people = PEOPLE, probe = 0.2 } = {},
): Promise<Snapshot> {
  return collectSnapshot({
    ...quietContext(),
    ...{ sources: [listSource('auth', await samplesOf(people, 5))], image: { width: 8, height: 8, channels: 1 } },
    split: { strategy: 'content-hash', validation: 0.1, probe },
    ...{ holdOut: { share: 0, min: 2 }, champion: champion?.dataset ?? null, blobs },
  });
}
const breakOf = async (blobs: BlobStore, champion: Snapshot | null, tonight: Snapshot) =>
  String(await lineageBreak({ runId: 'r7', ...(champion && { dataset: champion.dataset }) }, tonight, blobs));

test('lineage: a night that knows what its champion learned begins with its weights', () =>
  withFolderBlobs(async (blobs) => {
    const champion = await night(blobs);
    const next = await night(blobs, champion, { people: [...PEOPLE, 'gus', 'hans', 'ida'], probe: 0.4 });
    assert.is(await breakOf(blobs, champion, next), 'null');
    assert.is(await breakOf(blobs, champion, await night(blobs, next)), 'null', 'through a night between');
  }));

test('lineage: a champion of before 0.3.0, or one whose snapshot is gone, is not begun with', () =>
  withFolderBlobs(async (blobs) => {
    const champion = await night(blobs);
    const next = await night(blobs, champion);
    assert.match(await breakOf(blobs, null, next), /\(run r7\) names no snapshot/);
    await blobs.remove(champion.dataset.bucket, champion.dataset.key);
    assert.match(await breakOf(blobs, champion, next), /\(run r7\), its snapshot is gone/);
  }));

test('lineage: a champion that has learned somebody who is held out tonight is not begun with', () =>
  withFolderBlobs(async (blobs) => {
    const first = await night(blobs);
    const everybody = { ...first.manifest, learned: { ...first.manifest.learned!, people: PEOPLE } };
    const champion = { dataset: await storeManifest(everybody, blobs), manifest: everybody, findings: [] };
    const reason = await breakOf(blobs, champion, first);
    const [held] = first.manifest.heldOut;
    assert.match(reason, new RegExp(`has learned ${held}, who is held out tonight`));
  }));

test('lineage: a champion that has learned images which tonight may be probes is not begun with', () =>
  withFolderBlobs(async (blobs) => {
    const champion = await night(blobs, null, { probe: 0.05 });
    const tonight = await night(blobs, null, { probe: 0.5 });
    assert.match(
      await breakOf(blobs, champion, tonight),
      /has learned \d+ images that tonight's snapshot does not count/,
    );
  }));

test('lineage: a snapshot of tonight that does not say what was learned is begun with from scratch', () =>
  withFolderBlobs(async (blobs) => {
    const champion = await night(blobs);
    const silent = { ...champion.manifest, learned: null };
    const tonight = { dataset: await storeManifest(silent, blobs), manifest: silent, findings: [] };
    assert.match(await breakOf(blobs, champion, tonight), /^of tonight's training, its snapshot .* does not say/);
  }));

test.run();
