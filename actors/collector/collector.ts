/**
 * The collector actor: `collect.start` in -> dataset snapshot in DATASETS -> `collect.completed` out.
 */
import type { Logger } from 'pino';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import { collectSnapshot } from '../../services/data/snapshot.ts';
import { createSource } from '../../services/data/sources.ts';
import { startWorker, type Worker } from '../worker.ts';

export interface CollectorOptions {
  readonly bus: Bus;
  readonly blobs: BlobStore;
  readonly log: Logger;
}

export function startCollector({ bus, blobs, log }: CollectorOptions): Worker {
  return startWorker({
    stage: 'collect',
    bus,
    log,
    work: async ({ pipeline }, context) => {
      const { sources, image, split } = pipeline;
      const { dataset, manifest } = await collectSnapshot({
        sources: await Promise.all(sources.map(createSource)),
        image,
        split,
        blobs,
        ...context,
      });
      const { counts, labels, quarantinedTotal } = manifest;
      return { dataset, samples: counts.total, people: labels.length, quarantined: quarantinedTotal };
    },
  });
}
