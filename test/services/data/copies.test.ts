/** Photographs that are saved several times, through the whole collection, over two nights. */
import sharp, { type Sharp } from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Split } from '../../../contracts/dataset.ts';
import { drawnAlbums } from '../../../demo/photographs.ts';
import { collectSnapshot, type Snapshot } from '../../../services/data/snapshot.ts';
import type { SourceSample } from '../../../services/data/strategy.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';
import { loadSplits } from '../../support/load-splits.ts';
import { listSource, quietContext } from '../../support/samples.ts';

const IMAGE = { width: 8, height: 8, channels: 1 } as const;
const NOBODY = { share: 0, min: 0 };
const SPLIT = { strategy: 'content-hash', validation: 0.1, probe: 0.2 } as const;

test('copies: of photographs that are saved three times no copy of a trained one judges, nor on a later night', () =>
  withFolderBlobs(async (blobs) => {
    const albums = await Promise.all(
      drawnAlbums({ people: 6, served: 8, heldBack: 0 }, 1).map(async ({ label, served }) => ({
        label,
        photographs: await Promise.all(served.map((photograph) => photograph())),
      })),
    );
    /** Photographs of everybody, saved in these ways. */
    const saved = async (from: number, to: number, ways: readonly ((image: Sharp) => Sharp)[]) => {
      const samples: SourceSample[] = [];
      for (const { label, photographs } of albums)
        for (const [shot, photograph] of photographs.slice(from, to).entries())
          for (const [way, save] of ways.entries())
            samples.push({
              id: `${label}/${from + shot}.${way}`,
              label,
              bytes: await save(sharp(photograph)).toBuffer(),
            });
      return samples;
    };
    const asItIs = (image: Sharp) => image.png();
    const asJpeg = (image: Sharp) => image.jpeg({ quality: 75 });
    const smaller = (image: Sharp) => image.resize(48).webp({ quality: 85 });
    const grey = (image: Sharp) => image.greyscale().jpeg({ quality: 90 });
    const night = async (samples: readonly SourceSample[], champion: Snapshot | null) => {
      const sources = [listSource('auth', samples)];
      const rest = { image: IMAGE, split: SPLIT, holdOut: NOBODY, blobs, champion: champion?.dataset ?? null };
      const snapshot = await collectSnapshot({ ...quietContext(), sources, ...rest });
      const photographsOf = async (splits: readonly Split[]) => {
        const { ids } = await loadSplits(snapshot.manifest, splits, blobs, quietContext().signal);
        return new Set(ids.map((id) => id.slice(0, id.lastIndexOf('.'))));
      };
      return {
        snapshot,
        judging: await photographsOf(['probe']),
        trained: await photographsOf(['train', 'validation']),
      };
    };
    const first = await night(await saved(0, 6, [asItIs, asJpeg, smaller]), null);
    assert.equal([first.snapshot.manifest.counts.total, first.snapshot.manifest.nearCopies], [108, 72]);
    assert.ok(first.judging.size >= 6);
    assert.equal(
      [...first.judging].filter((photograph) => first.trained.has(photograph)),
      [],
    );
    // The originals have left the source; other copies of them and photographs that nobody has seen came.
    const later = await night(
      [...(await saved(0, 6, [grey])), ...(await saved(6, 8, [asItIs, asJpeg]))],
      first.snapshot,
    );
    assert.ok(later.judging.size > 0);
    assert.equal(
      [...later.judging].filter((photograph) => first.trained.has(photograph)),
      [],
    );
  }));

test.run();
