/**
 * A worker's side of actors/janitor/caches.ts: takes features out of its own folders when the janitor asks, and sweeps what
 * killed processes left.
 */
import type { Logger } from 'pino';
import type { BlobStore } from '../contracts/blobs.ts';
import { parseData } from '../contracts/envelope.ts';
import { CachesCommandSchema } from '../contracts/forgetting.ts';
import { cachesSweptSubject, janitorEventSubject, type WorkStage } from '../contracts/subjects.ts';
import type { Bus } from '../infra/messaging/bus.ts';
import type { Heard } from '../infra/messaging/listen.ts';
import { sweepScratch } from '../runtime/scratch.ts';
import { forgetFeatures } from '../services/training/frozen/forget-features.ts';
import type { Worker } from './worker.ts';

interface CacheKeeper {
  readonly stage: WorkStage;
  readonly bus: Bus;
  readonly blobs: BlobStore;
  /** As this worker's own configuration names them. */
  readonly featureFolders: readonly string[];
  readonly log: Logger;
}

const DIGEST_BYTES = 32;

/** The worker, which keeps its caches clean until it is stopped. */
export function withCleanCaches(worker: Worker, keeper: CacheKeeper): Worker {
  const cleaning = keepCachesClean(keeper);
  return {
    ...worker,
    stop: async () => {
      cleaning.stop();
      await worker.stop();
    },
  };
}

function keepCachesClean(keeper: CacheKeeper): { stop(): void } {
  return keeper.bus.listen(janitorEventSubject('caches', '*'), (heard) => {
    sweep(keeper, heard).catch((err) =>
      keeper.log.error({ err, subject: heard.subject }, `${keeper.stage}: features of a person could not be removed`),
    );
  });
}

async function sweep({ stage, bus, blobs, featureFolders, log }: CacheKeeper, { envelope }: Heard): Promise<void> {
  const { id, pixels, isDry } = parseData(CachesCommandSchema, envelope);
  const bytes = await blobs.get(pixels);
  const digests = new Set(
    Array.from({ length: bytes.length / DIGEST_BYTES }, (_, at) =>
      bytes.toString('hex', at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES),
    ),
  );
  // Folders of killed processes on this machine hold images, whose they may be.
  await sweepScratch();
  const swept = await forgetFeatures(featureFolders, digests, { isDry });
  log.info({ id, ...swept }, `${stage}: features of a person who is forgotten`);
  await bus.publish(cachesSweptSubject(stage, id), { id, ...swept });
}
