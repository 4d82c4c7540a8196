/**
 * Nights of a model that serves: images that are new are shown to it, and the checks say whose look like somebody else. The
 * model is a random projection, to which images of one invented person are alike.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../contracts/blobs.ts';
import { ChecksConfigSchema } from '../../../contracts/configuration/checks.ts';
import { DataSheetSchema } from '../../../contracts/data-sheet.ts';
import { BUCKETS } from '../../../contracts/subjects.ts';
import { encodePng } from '../../../services/data/images.ts';
import { sheetKey } from '../../../services/data/sheet.ts';
import { collectSnapshot, type Snapshot, type SnapshotJob } from '../../../services/data/snapshot.ts';
import type { SourceSample } from '../../../services/data/strategy.ts';
import { REPORT_FILE } from '../../../services/report/files.ts';
import { buildGallery, writeGallery } from '../../../services/serving/gallery/gallery.ts';
import { createModelHost } from '../../../services/serving/host/model-host.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';
import { listSource, quietContext } from '../../support/samples.ts';
import { decisionAt, digestOf, TINY_HOST, tinySplit } from '../../support/tiny-data.ts';
import { TINY_IMAGE, tinyModel } from '../../support/tiny-model.ts';

const PEOPLE = 6;
const EACH = 4;
const AREA = TINY_IMAGE.width * TINY_IMAGE.height;

/** Images of everybody, `each` of them; another seed gives other images of the same people. */
function pictures(seed: number, each = EACH): Promise<SourceSample[]> {
  const { pixels, classes, labels } = tinySplit(PEOPLE * each, PEOPLE, seed);
  return Promise.all(
    Array.from(classes, async (person, at) => ({
      ...{ id: `${seed}/${at}`, label: labels[person]! },
      bytes: await encodePng(pixels.subarray(at * AREA, (at + 1) * AREA), TINY_IMAGE),
    })),
  );
}

interface Serving {
  readonly blobs: BlobStore;
  readonly first: readonly SourceSample[];
  readonly champion: Snapshot['dataset'];
  readonly inService: NonNullable<SnapshotJob['inService']>;
}

/** A night whose model serves, `use` with what the next one needs. */
const withServing = (use: (serving: Serving) => Promise<void>) =>
  withFolderBlobs(async (blobs) => {
    const first = await pictures(1);
    const { dataset } = await night(blobs, 'n1', first, {});
    const model = tinyModel();
    const host = await createModelHost({ model, image: TINY_IMAGE, ...TINY_HOST });
    const rows = await buildGallery(host, tinySplit(PEOPLE * EACH, PEOPLE, 1));
    await host.close();
    const gallery = { ...rows, decision: decisionAt(0.5) };
    const slices = [
      { tag: 'source: auth', likeness: 0.9, figures: FIGURES },
      { tag: 'light: left', figures: FIGURES },
    ];
    const report = { candidate: { accuracy: { slices } } };
    await blobs.put(BUCKETS.reports, `face/n1/${REPORT_FILE}`, Buffer.from(JSON.stringify(report)));
    const inService = {
      runId: 'n1',
      model: await blobs.put(BUCKETS.models, 'face/n1/model.onnx', model),
      gallery: await blobs.put(
        BUCKETS.models,
        'face/n1/gallery',
        writeGallery({ gallery, modelDigest: digestOf(model) }),
      ),
    };
    await use({ blobs, first, champion: dataset, inService });
  });
const FIGURES = { people: 6, probes: 20, fnir: 0, wrongName: 0, rank1: 1, rank1PerPerson: 1, rank1WorstTenth: 1 };

const night = (blobs: BlobStore, runId: string, samples: readonly SourceSample[], job: Partial<SnapshotJob>) =>
  collectSnapshot({
    ...quietContext(),
    sources: [listSource('auth', samples)],
    image: TINY_IMAGE,
    split: { strategy: 'content-hash', validation: 0.1, probe: 0.2 },
    checks: checksWith({}),
    holdOut: { share: 0, min: 0 },
    sheet: { model: 'face', runId, championRun: job.champion ? 'n1' : null },
    blobs,
    ...job,
  });

const next = (
  { blobs, champion, inService }: Serving,
  samples: readonly SourceSample[],
  job: Partial<SnapshotJob> = {},
) => night(blobs, 'n2', samples, { champion, inService, ...job });
const said = ({ findings }: Snapshot) => findings.map(({ action, check, message }) => `${action} ${check}: ${message}`);
/** Images of one invented person are near copies of one another. */
const checksWith = (settings: object) => ChecksConfigSchema.parse({ conflictingNames: { action: 'off' }, ...settings });

test('new images: those of their people give no finding, and neither does a night with nothing new', () =>
  withServing(async (serving) => {
    assert.equal(said(await next(serving, serving.first)), []);
    assert.equal(said(await next(serving, [...serving.first, ...(await pictures(2))])), []);
  }));

test('new images: under the name of somebody else they are named with whom they look like', () =>
  withServing(async (serving) => {
    const fresh = (await pictures(2)).map((it) => (it.label === 'p1' ? { ...it, label: 'p0' } : it));
    const kept = fresh.filter(({ label, id }) => label !== 'p0' || Number(id.split('/')[1]) % PEOPLE === 1);
    const [finding, ...others] = said(await next(serving, [...serving.first, ...kept]));
    assert.equal(others, []);
    assert.is(
      finding,
      'note likeAnother: to the model in service, new images of 1 person are more like somebody else: ' +
        '"p0" 4 of 4 from "auth", most like "p1"',
    );
  }));

test('new images: shuffled labels of a source fall from the probes of its night; known ones move too', () =>
  withServing(async (serving) => {
    const moved = serving.first.map((it) => ({ ...it, label: `p${(Number(it.label.slice(1)) + 1) % PEOPLE}` }));
    const checks = checksWith({ likeness: { action: 'hold' }, likeAnother: { action: 'off' } });
    const [finding] = said(await next(serving, moved, { checks }));
    assert.match(
      finding!,
      /^hold likeness: source "auth": 24 new images are like their people by -?0\.\d\d .*were by 0\.90; the least: p\d/,
    );
  }));

test('new images: set aside, the run goes on without them, and the sheet shows them with the reason', () =>
  withServing(async (serving) => {
    const wrong = (await pictures(2)).filter(({ label }) => label === 'p1').map((it) => ({ ...it, label: 'p0' }));
    const checks = checksWith({ likeAnother: { action: 'quarantine' } });
    const { manifest, findings } = await next(serving, [...serving.first, ...wrong], { checks });
    assert.equal([manifest.counts.total, manifest.quarantinedTotal], [PEOPLE * EACH, EACH]);
    assert.equal(
      findings.map(({ action, check }) => [action, check]),
      [['quarantine', 'likeAnother']],
    );
    assert.match(findings[0]!.message, /; set aside for tonight: 4 images$/);
    const ref = await serving.blobs.find(BUCKETS.reports, sheetKey('face', 'n2'));
    const sheet = DataSheetSchema.parse(JSON.parse((await serving.blobs.get(ref!)).toString()));
    assert.equal([sheet.added!.total, sheet.quarantined.length], [0, EACH]);
    for (const { reason, message, picture } of sheet.quarantined) {
      assert.is(reason, 'set-aside');
      assert.match(message, /^auth\/2\/\d+: to the model in service it is more like "p1" \(checks\.likeAnother\)$/);
      assert.ok(picture);
    }
  }));

test('new images: set aside, they take nobody out of service unasked: if a person has no others, the run waits', () =>
  withServing(async (serving) => {
    const wrong = (await pictures(2)).filter(({ label }) => label === 'p1').map((it) => ({ ...it, label: 'p0' }));
    const others = serving.first.filter(({ label }) => label !== 'p0');
    const checks = checksWith({ likeAnother: { action: 'quarantine' } });
    const { manifest, findings } = await next(serving, [...others, ...wrong], { checks });
    assert.not.ok(manifest.labels.includes('p0'));
    assert.equal([findings.length, findings[0]!.action], [1, 'hold']);
    assert.match(findings[0]!.message, /; set aside for tonight: 4 images; no image is left of p0$/);
  }));

test('new images: a model that cannot be asked is a note that says why, and no model is opened where nobody asks', () =>
  withServing(async (serving) => {
    const { blobs, inService } = serving;
    const samples = [...serving.first, ...(await pictures(2))];
    const lost = async (job: Partial<SnapshotJob>) => said(await next(serving, samples, job));
    const image = { ...TINY_IMAGE, width: 8 };
    assert.equal(await lost({ image }), [
      'note likeness: new images could not be shown to the model in service: it sees 16x16x1, not 8x16x1',
    ]);
    await blobs.remove('MODELS', inService.model.key);
    assert.match((await lost({}))[0]!, /^note likeness: new images could not .*BLOB_MISSING/);
    const off = checksWith({ likeness: { action: 'off' }, likeAnother: { action: 'off' } });
    assert.equal(await lost({ checks: off }), []);
    await blobs.remove('REPORTS', sheetKey('face', 'n1'));
    assert.match((await lost({}))[0]!, /no sheet is stored, so nobody knows what is new/);
    assert.equal(await lost({ inService: null }), []);
  }));

test('new images: without the report of its night people are still compared', () =>
  withServing(async (serving) => {
    await serving.blobs.remove('REPORTS', `face/n1/${REPORT_FILE}`);
    const moved = serving.first.map((it) => ({ ...it, label: `p${(Number(it.label.slice(1)) + 1) % PEOPLE}` }));
    const checks = checksWith({ likeAnother: { action: 'hold' } });
    const findings = said(await next(serving, moved, { checks }));
    assert.is(findings.length, 1);
    assert.match(findings[0]!, /^hold likeAnother: .*"p0" 4 of 4 from "auth", most like "p5"/);
  }));

test.run();
