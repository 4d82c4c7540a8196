/**
 * The collector actor: `collect.start` in -> dataset snapshot in DATASETS -> `collect.completed` out.
 */
import type { Logger } from 'pino';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { DecisionConfig } from '../../contracts/configuration/decision.ts';
import type { Noun } from '../../contracts/configuration/noun.ts';
import { TimeoutsConfigSchema } from '../../contracts/configuration/pipeline.ts';
import type { DatasetManifest } from '../../contracts/dataset.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { BlobRef } from '../../contracts/references.ts';
import type { SampleStreams } from '../../contracts/sample-streams.ts';
import type { ModelPair } from '../../contracts/release.ts';
import type { LocalDefinitions } from '../../infra/config/local-definitions.ts';
import { askAgain } from '../../infra/messaging/ask-again.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import type { ForgottenStore } from '../../infra/stores/forgotten-store.ts';
import { createMatcher, personHashes } from '../../services/forgetting/name.ts';
import { collectSnapshot } from '../../services/data/snapshot.ts';
import { lackOfStrangers } from '../../services/decision/enough.ts';
import { forgetAnswers } from '../../services/data/source-cache.ts';
import type { WorkLog } from '../../services/work.ts';
import { withCleanCaches, type CacheKeeper } from '../forget-caches.ts';
import { startWorker, type Worker } from '../worker.ts';
import { openSources, withWaits, type SourceMeans } from './sources.ts';

export interface CollectorOptions {
  readonly bus: Bus;
  readonly blobs: BlobStore;
  readonly local: LocalDefinitions;
  /** People who are left out; absent: nobody was forgotten. */
  readonly forgotten?: Pick<ForgottenStore, 'salt' | 'people'>;
  /** Where answers of sources are kept from night to night; absent: nowhere. */
  readonly cache?: SourceMeans['cache'];
  /** Absent: no source is a stream. */
  readonly streams?: SampleStreams;
  readonly log: Logger;
}

export function startCollector({ bus, blobs, local, forgotten, cache, streams, log }: CollectorOptions): Worker {
  const worker = startWorker({
    stage: 'collect',
    bus,
    log,
    work: async ({ model, runId, pipeline, champion }, context) => {
      const { noun, sources, strangers, image, faces, split, checks, decision } = pipeline;
      const forgottenSince = forgotten && (await forgottenIn(forgotten));
      const { progress, waits } = withWaits(context.progress);
      const endsAt = context.now() + deadlineMs(local, model);
      const means: SourceMeans = {
        ...{ cache, streams, waits, log: context.log },
        isForgotten: (label) => (forgottenSince?.(label) ?? null) !== null,
        leftMs: () => endsAt - context.now(),
      };
      const { dataset, manifest, findings } = await collectSnapshot({
        sources: await openSources(local.sources(model, 'sources', sources), means),
        strangers: await openSources(local.sources(model, 'strangers', strangers), means),
        image,
        faces: local.faces(faces),
        split,
        checks,
        holdOut: decision.holdOut,
        forgottenSince,
        noun,
        champion: snapshotOf(champion, context.log),
        inService: champion,
        sheet: { model, runId, championRun: champion?.runId ?? null },
        blobs,
        ...context,
        progress,
      });
      const { counts, labels, content, quarantinedTotal } = manifest;
      refuseEmptyStreet(manifest, strangers);
      refuseWithoutStrangers(manifest, decision, noun);
      const figures = { samples: counts.total, people: labels.length, noun, quarantined: quarantinedTotal };
      return { dataset, content, ...figures, ...(findings.length > 0 && { findings }) };
    },
  });
  const clean: CacheKeeper['clean'] = async ({ person, isDry }) => {
    const salt = (await forgotten?.salt()) ?? null;
    if (!cache || person === undefined || salt === null) return { files: 0, changed: 0, removed: 0 };
    return { changed: 0, ...(await forgetAnswers(cache.folder, createMatcher(person, salt), { isDry })) };
  };
  return withCleanCaches(worker, { stage: 'collect', bus, blobs, clean, log });
}

/** As this machine's file has it: a command does not say it. */
const deadlineMs = (local: LocalDefinitions, model: string): number =>
  (local.pipelines[model]?.timeouts ?? TimeoutsConfigSchema.parse({})).collectMs;

/** Asked once a night: a person who is forgotten meanwhile is looked for in the snapshot, too. */
async function forgottenIn(store: Pick<ForgottenStore, 'salt' | 'people'>) {
  const asked = () => Promise.all([store.salt(), store.people()]);
  const [salt, people] = await askAgain('collector: people who are forgotten', asked);
  if (salt === null || people.size === 0) return undefined;
  return (label: string) => {
    const hash = personHashes(label, salt).find((one) => people.has(one));
    return (hash && people.get(hash)) ?? null;
  };
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
