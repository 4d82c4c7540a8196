/** One collection from the two services of the bench, into a store in a folder: all that the collector does. */
import { createHttpSource } from '../../services/data/http-source.ts';
import { collectSnapshot } from '../../services/data/snapshot.ts';
import type { SourceCache } from '../../services/data/source-cache.ts';
import type { DataSource } from '../../services/data/strategy.ts';
import { withScratch } from '../../runtime/scratch.ts';
import { createFolderBlobs } from '../../test/support/folder-blobs.ts';

const IMAGE = { width: 112, height: 112, channels: 3 } as const;

export const sourcesOf = (urls: readonly string[], pageSize: number, caches: readonly SourceCache[] = []) =>
  urls.map((url, at) => {
    const options = { name: at === 0 ? 'auth' : 'helper', url, pageSize, timeoutMs: 60_000 };
    return createHttpSource(options, { cache: caches[at] });
  });

/** From the first request to the stored manifest. */
export function collect(
  sources: readonly DataSource[],
  done: (images: number) => void = () => undefined,
): Promise<void> {
  return withScratch(async (folder) => {
    await collectSnapshot({
      ...{ sources, image: IMAGE, holdOut: { share: 0, min: 0 }, blobs: createFolderBlobs(folder) },
      ...{ split: { strategy: 'content-hash', validation: 0.1, probe: 0.2 }, signal: new AbortController().signal },
      ...{ progress: (report) => done(report.done), log: { info: () => undefined, warn: () => undefined } },
    });
  });
}
