import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Decision } from '../../../../contracts/decision.ts';
import { writeSafetensors } from '../../../../services/safetensors.ts';
import {
  buildGallery,
  galleryOf,
  identify,
  readGallery,
  writeGallery,
} from '../../../../services/serving/gallery/gallery.ts';
import { createModelHost } from '../../../../services/serving/host/model-host.ts';
import { failureOf } from '../../../support/failures.ts';
import { digestOf, TINY_HOST, tinySplit } from '../../../support/tiny-data.ts';
import { TINY_IMAGE, tinyModel } from '../../../support/tiny-model.ts';

const DIGEST = digestOf(Buffer.from('a model'));
const DECISION: Decision = {
  identify: { fpir: 0.01, margin: 0.05, people: [1, 2, 500_000], thresholds: [0.3, 0.31, 0.62] },
  verify: { far: 0.001, threshold: 0.45 },
  warning: '60 searches by 5 strangers show at best 4.9 %; 1 % was promised',
};
const near = (actual: ArrayLike<number>, expected: readonly number[]) =>
  assert.ok(
    expected.every((x, i) => Math.abs(x - actual[i]!) < 1e-6),
    `${Array.from(actual).join(', ')} is not ${expected.join(', ')}`,
  );

/** Metadata of a gallery of one row. */
const NOW = {
  format: 'nightshift.gallery/2',
  labels: '["ada"]',
  modelDigest: DIGEST,
  decision: JSON.stringify(DECISION),
};
const fileOf = (metadata: Record<string, string>) =>
  writeSafetensors({ tensors: { embeddings: { shape: [1, 1], data: Float32Array.of(1) } }, metadata });

test('gallery: a row is the normalised mean of a person, and people without an image are left out', () => {
  const images = { classes: Int32Array.of(2, 0, 2), labels: ['ada', 'bob', 'cy'], count: 3 };
  const gallery = galleryOf(Float32Array.of(1, 0, 0, 1, 0, 1), images);
  assert.equal(gallery.labels, ['ada', 'cy']);
  near(gallery.embeddings, [0, 1, Math.SQRT1_2, Math.SQRT1_2]);
});

test('gallery: opposite embeddings of one person give a zero row, not NaN', () => {
  const images = { classes: Int32Array.of(0, 0), labels: ['ada'], count: 2 };
  near(galleryOf(Float32Array.of(1, 0, -1, 0), images).embeddings, [0, 0]);
});

test('gallery: identify gives the best rows, best first', () => {
  const gallery = {
    labels: ['east', 'north', 'west', 'north-east'],
    embeddings: Float32Array.of(1, 0, 0, 1, -1, 0, Math.SQRT1_2, Math.SQRT1_2),
    threshold: 0.5,
  };
  const matches = identify(gallery, Float32Array.of(0.6, 0.8), 3);
  assert.equal(
    matches.map(({ person }) => person),
    ['north-east', 'north', 'east'],
  );
  near(
    matches.map(({ score }) => score),
    [1.4 * Math.SQRT1_2, 0.8, 0.6],
  );
  assert.is(identify(gallery, Float32Array.of(1, 0), 10).length, 4);
});

test('gallery: it is read as it was written', () => {
  const gallery = { labels: ['ada', 'Ünal "x"'], embeddings: Float32Array.of(1, 0, 0, 1), decision: DECISION };
  assert.equal(readGallery(writeGallery({ gallery, modelDigest: DIGEST }), 'g'), { gallery, modelDigest: DIGEST });
});

test('gallery: something else is refused by name', async () => {
  const failure = await failureOf(() => readGallery(Buffer.from('no gallery at all'), 'gallery r1/gallery'));
  assert.is(failure.code, 'BLOB_CORRUPT');
  assert.match(failure.message, /gallery r1\/gallery/);
  const gallery = { labels: ['ada'], embeddings: Float32Array.of(1, 0), decision: DECISION };
  const wrongDigest = writeGallery({ gallery, modelDigest: 'sha1:1' });
  assert.match((await failureOf(() => readGallery(wrongDigest, 'g'))).message, /modelDigest/);
  for (const labels of ['{"0":"ada"}', '[1]', '["ada"']) {
    assert.match(
      (await failureOf(() => readGallery(fileOf({ ...NOW, labels }), 'g'))).message,
      /not a gallery: .*(no list of names|not JSON)/s,
    );
  }
});

test('gallery: a release of before is read with its one threshold, for any number of people, and a warning', () => {
  const before = { ...NOW, format: 'nightshift.gallery/1', threshold: '0.5' };
  const { decision } = readGallery(fileOf(before), 'g').gallery;
  assert.equal(decision.identify, { fpir: null, margin: 0, people: [1], thresholds: [0.5] });
  assert.equal(decision.verify, { far: null, threshold: 0.5 });
  assert.match(decision.warning ?? '', /made before thresholds were set by a promise about strangers; .* next night/);
});

test('gallery: without a whole decision it is refused, and never written', async () => {
  const { identify } = DECISION;
  const less = { ...DECISION, identify: { ...identify, thresholds: [0.3] } };
  const none = { ...DECISION, identify: { ...identify, thresholds: [0.3, NaN, 0.62] } };
  const says = async (metadata: Record<string, string>) =>
    (await failureOf(() => readGallery(fileOf(metadata), 'g'))).message;
  assert.match(await says({ ...NOW, decision: JSON.stringify(less) }), /one threshold for each number of people/);
  assert.match(await says({ ...NOW, decision: JSON.stringify(none) }), /not a gallery: .*thresholds/s);
  assert.match(await says({ ...NOW, decision: '{' }), /not JSON/);
  const gallery = { labels: ['ada'], embeddings: Float32Array.of(1), decision: none };
  assert.throws(() => writeGallery({ gallery, modelDigest: DIGEST }), /thresholds/);
});

test('gallery: its rows are those of the bytes, unless they lie askew', () => {
  const gallery = { labels: ['ada', 'bob'], embeddings: Float32Array.of(1, 0, 0, 1), decision: DECISION };
  const written = writeGallery({ gallery, modelDigest: DIGEST });
  for (const offset of [0, 1]) {
    const bytes = new Uint8Array(written.length + 1).subarray(offset, offset + written.length);
    bytes.set(written);
    const { embeddings } = readGallery(bytes, 'g').gallery;
    assert.equal(embeddings, gallery.embeddings);
    assert.is(embeddings.buffer === bytes.buffer, offset === 0);
  }
});

test('gallery: built through a model host, it finds the people of other images', async () => {
  const host = await createModelHost({ model: tinyModel(), image: TINY_IMAGE, ...TINY_HOST });
  try {
    const gallery = await buildGallery(host, tinySplit(45, 5));
    const probes = tinySplit(10, 5, 99);
    const rows = await host.embed({ pixels: probes.pixels, count: probes.count });
    for (let i = 0; i < probes.count; i++) {
      const [best] = identify(gallery, rows.subarray(i * host.dimensions, (i + 1) * host.dimensions), 1);
      assert.is(best!.person, `p${i % 5}`);
    }
  } finally {
    await host.close();
  }
});

test.run();
