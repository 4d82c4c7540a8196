/** Snapshots of invented people, spooled as the trainer spools them. */
import type { BlobStore } from '../../contracts/blobs.ts';
import type { DatasetManifest } from '../../contracts/dataset.ts';
import { withScratch } from '../../runtime/scratch.ts';
import { collectSnapshot } from '../../services/data/snapshot.ts';
import { spoolSplits } from '../../services/data/spool.ts';
import type { SpooledImages } from '../../services/data/strategy.ts';
import { withFolderBlobs } from './folder-blobs.ts';
import { listSource, quietContext, samplesOf } from './samples.ts';

export interface SpooledSnapshot {
  readonly manifest: DatasetManifest;
  readonly train: SpooledImages;
  readonly probe: SpooledImages;
  readonly blobs: BlobStore;
  readonly folder: string;
}

/** Two people, seven images of 8 x 8 each: five train, two are probes. */
export function withSpooled(
  use: (snapshot: SpooledSnapshot) => Promise<void>,
  { channels = 1, cacheBytes = 1e6 }: { channels?: 1 | 3; cacheBytes?: number } = {},
): Promise<void> {
  return withFolderBlobs((blobs) =>
    withScratch(async (folder) => {
      const { manifest } = await collectSnapshot({
        ...quietContext(),
        sources: [listSource('auth', await samplesOf(['ada', 'ben'], 7))],
        image: { width: 8, height: 8, channels },
        split: { strategy: 'first-n', train: 5 },
        holdOut: { share: 0, min: 0 },
        blobs,
      });
      const options = { manifest, folder, blobs, signal: quietContext().signal, cacheBytes };
      const [train, probe] = await spoolSplits({ ...options, splits: ['train', 'probe'] });
      await use({ manifest, train, probe, blobs, folder });
    }),
  );
}
