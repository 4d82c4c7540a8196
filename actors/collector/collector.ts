/**
 * The collector actor: `collect.start` in -> dataset snapshot in DATASETS -> `collect.completed` out.
 */
import type { Logger } from 'pino';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { DecisionConfig } from '../../contracts/configuration/decision.ts';
import type { Noun } from '../../contracts/configuration/noun.ts';
import type { DatasetManifest } from '../../contracts/dataset.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { BlobRef } from '../../contracts/references.ts';
import type { ModelPair } from '../../contracts/release.ts';
import type { LocalDefinitions } from '../../infra/config/local-definitions.ts';
import { askAgain } from '../../infra/messaging/ask-again.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import type { ForgottenStore } from '../../infra/stores/forgotten-store.ts';
import { personHash } from '../../services/forgetting/name.ts';
import { collectSnapshot } from '../../services/data/snapshot.ts';
import { lackOfStrangers } from '../../services/decision/enough.ts';
import { createSource } from '../../services/data/sources.ts';
import type { WorkLog } from '../../services/work.ts';
import { startWorker, type Worker } from '../worker.ts';

export interface CollectorOptions {
  readonly bus: Bus;
  readonly blobs: BlobStore;
  readonly local: LocalDefinitions;
  /** People who are left out; absent: nobody was forgotten. */
  readonly forgotten?: Pick<ForgottenStore, 'salt' | 'people'>;
  readonly log: Logger;
}

export function startCollector({ bus, blobs, local, forgotten, log }: CollectorOptions): Worker {
  return startWorker({
    stage: 'collect',
    bus,
    log,
    work: async ({ model, pipeline, champion }, context) => {
      const { noun, sources, strangers, image, faces, split, checks, decision } = pipeline;
      const { dataset, manifest, findings } = await collectSnapshot({
        sources: await Promise.all(local.sources(model, 'sources', sources).map(createSource)),
        strangers: await Promise.all(local.sources(model, 'strangers', strangers).map(createSource)),
        image,
        faces: local.faces(faces),
        split,
        checks,
        holdOut: decision.holdOut,
        forgottenSince: forgotten && (await forgottenIn(forgotten)),
        noun,
        champion: snapshotOf(champion, context.log),
        blobs,
        ...context,
      });
      const { counts, labels, content, quarantinedTotal } = manifest;
      refuseEmptyStreet(manifest, strangers);
      refuseWithoutStrangers(manifest, decision, noun);
      const figures = { samples: counts.total, people: labels.length, noun, quarantined: quarantinedTotal };
      return { dataset, content, ...figures, ...(findings.length > 0 && { findings }) };
    },
  });
}

/** Asked once a night: a person who is forgotten meanwhile is looked for in the snapshot, too. */
async function forgottenIn(store: Pick<ForgottenStore, 'salt' | 'people'>) {
  const asked = () => Promise.all([store.salt(), store.people()]);
  const [salt, people] = await askAgain('collector: people who are forgotten', asked);
  if (salt === null || people.size === 0) return undefined;
  return (label: string) => people.get(personHash(label, salt)) ?? null;
}

/**
 * Sources of strangers that give none tonight are a fault: people who are held out do not step in for them in silence.
 * Throws SOURCE_INVALID.
 */
function refuseEmptyStreet(
  { strangers, quarantined }: DatasetManifest,
  configured: readonly { readonly name: string }[],
): void {
  if (configured.length === 0 || strangers.length > 0) return;
  const names = configured.map(({ name }) => name);
  const refused = quarantined.find(({ source }) => names.includes(source));
  const why = refused ? `the first that was refused: ${refused.message}` : 'they gave no image at all';
  throw new PipelineError(
    'SOURCE_INVALID',
    `collector: no stranger came from ${names.map((name) => `"${name}"`).join(', ')}; ${why}`,
  );
}

/** Before a net is trained that could not be judged. Throws DATASET_TOO_SMALL. */
function refuseWithoutStrangers(
  { strangers, heldOut, labels }: DatasetManifest,
  { inconclusive }: DecisionConfig,
  noun: Noun,
): void {
  const found = { strangers: strangers.length, heldOut: heldOut.length, people: labels.length };
  const lack = lackOfStrangers(found, inconclusive, noun);
  if (lack) throw new PipelineError('DATASET_TOO_SMALL', `collector: no candidate could be judged: ${lack}`);
}

/** Releases of before 0.3.0 name no snapshot, so nobody knows what they learned. */
function snapshotOf(champion: ModelPair | null, log: WorkLog): BlobRef | null {
  if (champion && !champion.dataset)
    log.warn({ champion: champion.runId }, 'people and images are assigned anew: the champion names no snapshot');
  return champion?.dataset ?? null;
}
