/** The sheet of a night's data over two nights: who came and went, with pictures, and a diff of the two. */
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../contracts/blobs.ts';
import { DataSheetSchema, type DataSheet } from '../../../contracts/data-sheet.ts';
import { DatasetManifestSchema } from '../../../contracts/dataset.ts';
import { BUCKETS } from '../../../contracts/subjects.ts';
import { diffSheets } from '../../../services/data/sheet-diff.ts';
import { missingIn, sheetKey } from '../../../services/data/sheet.ts';
import { collectSnapshot } from '../../../services/data/snapshot.ts';
import type { SourceSample } from '../../../services/data/strategy.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';
import { listSource, quietContext, samplesOf } from '../../support/samples.ts';

/** A night of the model `face`; `champion`: the run whose snapshot is compared with. */
async function night(
  blobs: BlobStore,
  runId: string,
  samples: readonly SourceSample[],
  champion: { readonly runId: string; readonly sheet: DataSheet } | null,
): Promise<DataSheet> {
  await collectSnapshot({
    ...quietContext(),
    sources: [listSource('auth', samples)],
    strangers: [listSource('street', await samplesOf(['x'], 2))],
    image: { width: 8, height: 8, channels: 1 },
    split: { strategy: 'content-hash', validation: 0.1, probe: 0.2 },
    holdOut: { share: 0, min: 0 },
    champion: champion && champion.sheet.dataset,
    sheet: { model: 'face', runId, championRun: champion && champion.runId },
    blobs,
  });
  const ref = await blobs.find(BUCKETS.reports, sheetKey('face', runId));
  return DataSheetSchema.parse(JSON.parse((await blobs.get(ref!)).toString()));
}

test('sheet: people and images that came and went are named, counted and shown', () =>
  withFolderBlobs(async (blobs) => {
    const [ada, ben] = [await samplesOf(['ada'], 4), await samplesOf(['ben'], 4)];
    const first = await night(blobs, 'n1', [...ada, ...ben], null);
    assert.equal([first.comparedWith, first.came, first.added, first.gone], [null, [], null, null]);
    assert.equal(
      first.people.map(({ label, images }) => [label, images.length]),
      [
        ['ada', 4],
        ['ben', 4],
      ],
    );
    assert.is(first.strangers, 1);

    const cleo = await samplesOf(['cleo'], 30);
    const copy = { ...ada[0]!, id: 'ada/copy' };
    const second = await night(blobs, 'n2', [...ada.slice(1), ada[0]!, copy, ...cleo], { runId: 'n1', sheet: first });
    assert.is(second.comparedWith, first.dataset.digest);
    assert.equal([second.came, second.left], [['cleo'], ['ben']]);
    assert.equal([second.added!.total, second.added!.pictures.length], [30, 24]);
    assert.equal([second.gone!.total, second.gone!.pictures.length], [4, 4]);
    for (const { picture, label } of [...second.added!.pictures, ...second.gone!.pictures]) {
      const { format, width } = await sharp(Buffer.from(picture, 'base64')).metadata();
      assert.equal([format, width], ['png', 8], label);
    }
    assert.equal(
      second.quarantined.map(({ id, reason, picture }) => [id, reason, picture !== undefined]),
      [['ada/copy', 'duplicate', true]],
    );

    const diff = diffSheets(first, second);
    assert.equal([diff.same, diff.came, diff.left, diff.changed], [false, ['cleo'], ['ben'], []]);
    assert.equal(diff.images, { before: 8, after: 34, added: 30, gone: 4 });
    assert.equal(diff.sources, [
      { name: 'auth', before: 8, after: 34 },
      { name: 'street', before: 2, after: 2 },
    ]);
  }));

test('sheet: the same data again has nothing new, in whichever order it comes', () =>
  withFolderBlobs(async (blobs) => {
    const samples = await samplesOf(['ada', 'ben'], 4);
    const first = await night(blobs, 'n1', samples, null);
    const again = await night(blobs, 'n2', samples.toReversed(), { runId: 'n1', sheet: first });
    assert.equal(
      [again.added, again.gone],
      [
        { total: 0, pictures: [] },
        { total: 0, pictures: [] },
      ],
    );
    assert.equal(again.people, first.people);
    assert.is(diffSheets(first, again).same, true);
  }));

test('sheet: some images of one person change, and another spelling is the same person', () =>
  withFolderBlobs(async (blobs) => {
    const [zoe, ben] = [await samplesOf(['Zoé'.normalize('NFD')], 4), await samplesOf(['ben'], 4)];
    const first = await night(blobs, 'n1', [...zoe, ...ben], null);
    const fresh = (await samplesOf(['later'], 1)).map((it) => ({ ...it, label: 'ben' }));
    const respelled = zoe.map((it) => ({ ...it, label: 'Zoé'.normalize('NFC') }));
    const second = await night(blobs, 'n2', [...respelled, ...ben.slice(1), ...fresh], { runId: 'n1', sheet: first });
    assert.equal([second.came, second.left, second.added!.total, second.gone!.total], [[], [], 1, 1]);
    assert.equal(diffSheets(first, second).changed, [{ label: 'ben', added: 1, gone: 1 }]);
  }));

test('sheet: a champion whose sheet is gone is compared by names alone', () =>
  withFolderBlobs(async (blobs) => {
    const first = await night(blobs, 'n1', await samplesOf(['ada', 'ben'], 4), null);
    await blobs.remove(BUCKETS.reports, sheetKey('face', 'n1'));
    const second = await night(blobs, 'n2', await samplesOf(['ada', 'cleo'], 4), { runId: 'n1', sheet: first });
    assert.equal([second.came, second.left, second.added, second.gone], [['cleo'], ['ben'], null, null]);
  }));

test('sheet: one of the night before that is broken, and a snapshot without its shards, end no night', () =>
  withFolderBlobs(async (blobs) => {
    const first = await night(blobs, 'n1', await samplesOf(['ada', 'ben'], 4), null);
    const { shards } = DatasetManifestSchema.parse(JSON.parse((await blobs.get(first.dataset)).toString()));
    for (const { blob } of shards) await blobs.remove('DATASETS', blob.key);
    const champion = { runId: 'n1', sheet: first };
    const second = await night(blobs, 'n2', await samplesOf(['ada', 'cleo'], 4), champion);
    assert.equal([second.left, second.gone], [['ben'], { total: 4, pictures: [] }]);
    for (const broken of ['{', '{"format":"other"}']) {
      await blobs.put(BUCKETS.reports, sheetKey('face', 'n1'), Buffer.from(broken));
      const third = await night(blobs, 'n3', await samplesOf(['ada', 'cleo'], 4), champion);
      assert.equal([third.came, third.added, third.gone], [['cleo'], null, null]);
    }
  }));

test('sheet: a picture that could be decoded is shown, and one that could not is listed', () =>
  withFolderBlobs(async (blobs) => {
    const black = await sharp({ create: { width: 20, height: 20, channels: 3, background: 'black' } })
      .png()
      .toBuffer();
    const samples = [
      ...(await samplesOf(['ada', 'ben'], 4)),
      { id: 'ada/black', label: 'ada', bytes: black },
      { id: 'ada/text', label: 'ada', bytes: Buffer.from('no picture') },
    ];
    const { quarantined } = await night(blobs, 'n1', samples, null);
    assert.equal(
      quarantined.map(({ id, reason }) => [id, reason]),
      [
        ['ada/black', 'blank'],
        ['ada/text', 'unreadable'],
      ],
    );
    const { width, height } = await sharp(Buffer.from(quarantined[0]!.picture!, 'base64')).metadata();
    assert.equal([width, height, quarantined[1]!.picture], [8, 8, undefined]);
  }));

test('missing: spelling and spaces make nobody new', () => {
  assert.equal(missingIn(['Zoé'.normalize('NFD'), 'ada'], ['Zoé'.normalize('NFC'), 'ada ', 'ben']), ['ben']);
});

test.run();
