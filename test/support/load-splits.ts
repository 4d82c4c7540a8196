/** Chosen splits of a snapshot as one set in memory, to compare with; the system itself never holds all pixels. */
import type { BlobStore } from '../../contracts/blobs.ts';
import type { DatasetManifest, Split } from '../../contracts/dataset.ts';
import { readImages } from '../../services/data/image-reader.ts';
import { withSplits } from '../../services/data/load.ts';

export const loadSplits = (
  manifest: DatasetManifest,
  splits: readonly Split[],
  blobs: BlobStore,
  signal: AbortSignal,
) =>
  withSplits(manifest, { chosen: splits }, { blobs, signal }, async ({ chosen }) => {
    const { read: _, ...known } = chosen;
    return { ...known, pixels: await readImages(chosen, [...Array(chosen.count).keys()]) };
  });
