/** One photograph on each of its ways to a model: through the collector to trainer and verifier, and straight to a replica. */
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createFigures } from '../../../../services/serving/replica/figures.ts';
import { recognise } from '../../../../services/serving/replica/recognise.ts';
import type { RecogniseRequest } from '../../../../services/serving/replica/request.ts';
import { collectSnapshot } from '../../../../services/data/snapshot.ts';
import { embedAll } from '../../../../services/serving/host/embed-all.ts';
import { loadResident } from '../../../../services/serving/replica/resident-model.ts';
import { withFolderBlobs } from '../../../support/folder-blobs.ts';
import { loadSplits } from '../../../support/load-splits.ts';
import { listSource, quietContext } from '../../../support/samples.ts';
import { storeTinyPair, TINY_HOST } from '../../../support/tiny-data.ts';
import { randomFloats, TINY_DIMENSIONS, TINY_IMAGE } from '../../../support/tiny-model.ts';

/** Larger than the model's input, in colour, and compressed with losses: everything that decoding has to deal with. */
function photograph(seed: number): Promise<Buffer> {
  const [width, height] = [50, 40];
  const pixels = Uint8Array.from(randomFloats(width * height * 3, seed), (x) => 128 + 127 * x);
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg()
    .toBuffer();
}

test('parity: trainer, verifier and replica get the same pixels and embeddings out of a photograph', () =>
  withFolderBlobs(async (blobs) => {
    const files = await Promise.all([1, 2, 3, 4].map(photograph));
    const samples = files.map((bytes, index) => ({ id: `ada/${index + 1}`, label: index < 2 ? 'ada' : 'ben', bytes }));
    const split = { strategy: 'first-n', train: 2 } as const;
    const holdOut = { share: 0, min: 0 };
    const sources = [listSource('auth', samples)];
    const { manifest } = await collectSnapshot({
      ...quietContext(),
      sources,
      image: TINY_IMAGE,
      split,
      holdOut,
      blobs,
    });
    const stored = await loadSplits(manifest, ['train'], blobs, new AbortController().signal);
    assert.is(stored.count, files.length);

    const resident = await loadResident({
      pair: await storeTinyPair(blobs, { runId: 'r1' }),
      blobs,
      options: TINY_HOST,
    });
    try {
      const rows = await embedAll(resident.host, stored);
      const served = { release: 1, resident, figures: createFigures() };
      const request: Omit<RecogniseRequest, 'image'> = {
        ...{
          verb: 'embed',
          input: 'file',
          person: null,
          minRelease: 0,
          seenRelease: 0,
          minEnrolment: 0,
          header: () => null,
        },
        deadlineMs: performance.now() + 60_000,
      };
      for (const [index, image] of files.entries()) {
        const reply = await recognise(served, { ...request, image });
        const row = [...rows.subarray(index * TINY_DIMENSIONS, (index + 1) * TINY_DIMENSIONS)];
        // Batches of another size may round otherwise in the last place.
        const differences = row.map((x, d) => Math.abs(x - ('embedding' in reply ? reply.embedding[d]! : NaN)));
        assert.ok(Math.max(...differences) < 1e-6, `image ${index}: ${differences.join(' ')}`);
      }
    } finally {
      await resident.host.close();
    }
  }));

test.run();
