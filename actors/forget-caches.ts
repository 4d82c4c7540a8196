/**
 * A worker's side of actors/janitor/caches.ts: takes a person out of its own folders when the janitor asks, and sweeps what
 * killed processes left.
 */
import type { Logger } from 'pino';
import type { BlobStore } from '../contracts/blobs.ts';
import { parseData } from '../contracts/envelope.ts';
import { CachesCommandSchema, type CachesCommand } from '../contracts/forgetting.ts';
import { cachesSweptSubject, janitorEventSubject, type WorkStage } from '../contracts/subjects.ts';
import type { Bus } from '../infra/messaging/bus.ts';
import type { Heard } from '../infra/messaging/listen.ts';
import { sweepScratch } from '../runtime/scratch.ts';
import type { Swept } from '../services/training/frozen/forget-features.ts';
import type { Worker } from './worker.ts';

export interface CacheKeeper {
  readonly stage: WorkStage;
  readonly bus: Bus;
  readonly blobs: BlobStore;
  /** Takes a person out of what this worker keeps on its disk. */
  readonly clean: (asked: CachesAsked) => Promise<Swept>;
  readonly log: Logger;
}

export interface CachesAsked extends Pick<CachesCommand, 'person' | 'isDry'> {
  /** Hex SHA-256 of decoded images. */
  readonly pixels: ReadonlySet<string>;
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
      keeper.log.error(
        { err, subject: heard.subject },
        `${keeper.stage}: a person could not be taken out of the caches`,
      ),
    );
  });
}

async function sweep({ stage, bus, blobs, clean, log }: CacheKeeper, { envelope }: Heard): Promise<void> {
  const { id, pixels, person, isDry } = parseData(CachesCommandSchema, envelope);
  const bytes = await blobs.get(pixels);
  const digests = new Set(
    Array.from({ length: bytes.length / DIGEST_BYTES }, (_, at) =>
      bytes.toString('hex', at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES),
    ),
  );
  // Folders of killed processes on this machine hold images, whose they may be.
  await sweepScratch();
  const swept = await clean({ pixels: digests, person, isDry });
  log.info({ id, ...swept }, `${stage}: caches without a person who is forgotten`);
  await bus.publish(cachesSweptSubject(stage, id), { id, ...swept });
}
