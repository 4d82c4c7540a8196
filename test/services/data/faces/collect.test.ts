/** A collection that looks for faces: quarantine by reason, the stored detector, and what a replica makes of it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FacesConfigSchema, type FacesConfig } from '../../../../contracts/configuration/faces.ts';
import type { ImageSpec } from '../../../../contracts/dataset.ts';
import { openFaces } from '../../../../services/data/faces/face-threads.ts';
import { prepareImage } from '../../../../services/data/faces/prepare.ts';
import { collectSnapshot } from '../../../../services/data/snapshot.ts';
import { readManifest } from '../../../../services/data/load.ts';
import type { SourceSample } from '../../../../services/data/strategy.ts';
import { createFolderBlobs } from '../../../support/folder-blobs.ts';
import { withFolder } from '../../../support/folder.ts';
import { loadSplits } from '../../../support/load-splits.ts';
import { drawMarked, markDetector, type MarkedFace } from '../../../support/marked-faces.ts';
import { failureOf, listSource, quietContext, testPng } from '../../../support/samples.ts';

const IMAGE: ImageSpec = { width: 24, height: 24, channels: 3 };
const SPLIT = { strategy: 'first-n', train: 2 } as const;

const photograph = (...faces: MarkedFace[]) => drawMarked({ width: 240, height: 160 }, faces);
const FACE = { x: 100, y: 60, apart: 34 };

/** Three good photographs of two people each, and one for every reason. */
async function samples(): Promise<SourceSample[]> {
  const good = ['ada', 'ben'].flatMap((label, person) =>
    [0, 1, 2].map(async (shot) => ({
      ...{ id: `${label}/${shot}`, label },
      bytes: await photograph({ x: 80 + 20 * shot, y: 60 + 9 * person, apart: 30 + 4 * person, tilt: 5 * shot }),
    })),
  );
  const background = { r: 0, g: 0, b: 0 };
  const black = sharp({ create: { width: 64, height: 64, channels: 3, background } })
    .png()
    .toBuffer();
  const blurred = sharp(await photograph({ ...FACE, apart: 40 }))
    .blur(3.5)
    .png()
    .toBuffer();
  const bad = {
    ...{ nobody: testPng('noise', 64), several: photograph({ ...FACE, x: 60 }, { ...FACE, x: 180 }) },
    ...{ far: photograph({ ...FACE, apart: 14 }), blurred, black },
  };
  const refused = Object.entries(bad).map(async ([id, bytes]) => ({ id, label: 'ada', bytes: await bytes }));
  return Promise.all([...good, ...refused]);
}

async function withCollection(
  use: (
    collect: (changes?: Partial<FacesConfig> | null) => ReturnType<typeof collectSnapshot>,
    blobs: ReturnType<typeof createFolderBlobs>,
    puts: string[],
  ) => Promise<void>,
) {
  await withFolder(async (folder) => {
    const detector = join(folder, 'detector.onnx');
    await writeFile(detector, markDetector());
    const inner = createFolderBlobs(join(folder, 'blobs'));
    const puts: string[] = [];
    const blobs: typeof inner = {
      ...inner,
      put: (bucket, key, content) => (puts.push(`${bucket}/${key}`), inner.put(bucket, key, content)),
    };
    const source = listSource('door', await samples());
    const faces = (changes: Partial<FacesConfig>) => FacesConfigSchema.parse({ detector, blurMin: 0.05, ...changes });
    const collect = (changes: Partial<FacesConfig> | null = {}) =>
      collectSnapshot({
        ...{ ...quietContext(), sources: [source], image: IMAGE, split: SPLIT, blobs },
        holdOut: { share: 0, min: 0 },
        ...(changes && { faces: faces(changes) }),
      });
    await use(collect, blobs, puts);
  });
}

test('collection with faces: what is no single, large and sharp face is quarantined with its reason', () =>
  withCollection(async (collect) => {
    const { manifest } = await collect();
    assert.is(manifest.counts.total, 6);
    assert.equal(
      manifest.quarantined.map(({ id, reason }) => [id, reason]),
      [
        ['nobody', 'no-face'],
        ['several', 'several-faces'],
        ['far', 'too-small'],
        ['blurred', 'too-blurred'],
        ['black', 'blank'],
      ],
    );
    assert.match(manifest.quarantined[1]!.message, /^door\/several: 2 faces are in it/);
  }));

test('collection with faces: a replica makes the very pixels of a photograph, from the file that the dataset names', () =>
  withCollection(async (collect, blobs) => {
    const { dataset } = await collect();
    const manifest = await readManifest(dataset, blobs);
    assert.is(manifest.faces?.bucket, 'MODELS');
    const { pixels } = await loadSplits(manifest, ['train'], blobs, quietContext().signal);
    const faces = await openFaces(await blobs.get(manifest.faces!));
    const first = (await samples())[0]!;
    const served = await prepareImage(first.bytes, IMAGE, faces, 'request');
    await faces.close();
    assert.equal(pixels.subarray(0, served.length), new Uint8Array(served));
  }));

test('collection with faces: the detector is stored once for its settings, and again for others', () =>
  withCollection(async (collect, _blobs, puts) => {
    const [first, second] = [await collect(), await collect()];
    assert.equal(second.manifest.faces, first.manifest.faces);
    assert.equal([second.dataset.digest, second.manifest.content], [first.dataset.digest, first.manifest.content]);
    const other = await collect({ crop: { eyesApart: 0.5, eyesDown: 0.4 } });
    assert.is.not(other.manifest.faces?.digest, first.manifest.faces?.digest);
    assert.is.not(other.manifest.content, first.manifest.content);
    assert.is(puts.filter((key) => key.startsWith('MODELS/faces/sha256')).length, 0);
    assert.is(puts.filter((key) => /^MODELS\/faces\/[0-9a-f]{64}\.onnx$/.test(key)).length, 2);
  }));

test('collection without faces: pictures are taken whole, only the blank one is refused, and no file is named', () =>
  withCollection(async (collect, _blobs, puts) => {
    const { manifest } = await collect(null);
    assert.is(manifest.faces, null);
    assert.equal(
      manifest.quarantined.map(({ reason }) => reason),
      ['blank'],
    );
    assert.not(puts.some((key) => key.startsWith('MODELS')));
  }));

test('collection with faces: a detector that is not there, or is none, ends the collection with the way out', () =>
  withCollection(async (collect) => {
    const missing = await failureOf(collect({ detector: '/nowhere/detector.onnx' }));
    assert.is(missing.code, 'CONFIG_INVALID');
    assert.match(missing.message, /faces\.detector: \/nowhere\/detector\.onnx: ENOENT.*nightshift faces import/);
    const foreign = await failureOf(collect({ detector: import.meta.filename }));
    assert.is(foreign.code, 'MODEL_INVALID');
    assert.not(foreign.retryable);
  }));

test.run();
