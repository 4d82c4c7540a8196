import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { galleryWithout, weightsWithout } from '../../../services/forgetting/without-rows.ts';
import { readGallery, writeGallery } from '../../../services/serving/gallery/gallery.ts';
import { decodeWeights, writeWeights } from '../../../services/training/loop/weights.ts';
import { decisionAt, digestOf } from '../../support/tiny-data.ts';

const labels = ['Ada', 'Bob', 'Cleo'];
const rows = Float32Array.of(1, 0, 0, 1, -1, 0);
const isBob = (name: string) => name === 'Bob';

test('without-rows: a gallery loses the row of the person and keeps its decision and model', () => {
  const modelDigest = digestOf(Buffer.from('model'));
  const bytes = writeGallery({ gallery: { labels, embeddings: rows, decision: decisionAt(0.5) }, modelDigest });
  const left = readGallery(galleryWithout(bytes, 'gallery', isBob)!, 'gallery');
  assert.equal(left.gallery.labels, ['Ada', 'Cleo']);
  assert.equal([...left.gallery.embeddings], [1, 0, -1, 0]);
  assert.equal([left.modelDigest, left.gallery.decision], [modelDigest, decisionAt(0.5)]);
  assert.is(galleryWithout(galleryWithout(bytes, 'gallery', isBob)!, 'gallery', isBob), null);
  assert.equal(
    readGallery(
      galleryWithout(bytes, 'gallery', () => true)!,
      'gallery',
    ).gallery.labels,
    [],
  );
});

test('without-rows: stored weights lose the label and the row of the person, so that a warm start goes on for others', () => {
  const some = Float32Array.of(1, 2, 3);
  const bytes = writeWeights({ runId: 'r1', net: 'net', backbone: some, statistics: some, labels, classifier: rows });
  const left = decodeWeights(weightsWithout(bytes, isBob)!);
  assert.equal(left.labels, ['Ada', 'Cleo']);
  assert.equal([...left.classifier], [1, 0, -1, 0]);
  assert.equal([left.runId, left.net, [...left.backbone]], ['r1', 'net', [1, 2, 3]]);
  assert.is(
    weightsWithout(bytes, (name) => name === 'Dora'),
    null,
  );
});

test.run();
