/** Values for tests of the machine and the orchestrator: a pipeline, references, and one event of each kind. */
import { PipelineConfigSchema, type PipelineConfig } from '../../contracts/configuration/pipeline.ts';
import { WORK_STAGES } from '../../contracts/subjects.ts';
import type { BlobRef } from '../../contracts/references.ts';
import type { PipelineEvent, PipelineInput } from '../../machines/pipeline.machine.ts';

export const pipelineConfig = (overrides: object = {}): PipelineConfig =>
  PipelineConfigSchema.parse({ sources: [{ type: 'directory', name: 'people', path: '/people' }], ...overrides });

export const blobRef = (bucket: BlobRef['bucket'], key: string): BlobRef => ({
  bucket,
  key,
  digest: `sha256:${'0'.repeat(64)}`,
  bytes: 1,
});

export const nightInput = (overrides: Partial<PipelineInput> = {}): PipelineInput => ({
  runId: 'r1',
  model: 'face',
  kind: 'night',
  pipeline: pipelineConfig({ retry: { attemptsMax: 2 } }),
  champion: null,
  forkedFrom: null,
  ...overrides,
});

const failure = (retryable: boolean) => ({ code: 'INTERNAL' as const, message: 'broken', retryable });
const accuracy = { rank1: 1, rocAuc: 1, tarAtFar1e2: 1, threshold: 0.5, probes: 1, galleryPeople: 1 };
const performance = { latencyMs: { p50: 1, p95: 1, p99: 1, max: 1 }, imagesPerSecond: 1, requests: 1 };
export const verified = (commandId: string, verdict: 'passed' | 'rejected') => ({
  type: 'verify.completed' as const,
  commandId,
  verdict,
  reasons: [],
  report: blobRef('REPORTS', 'report'),
  gallery: blobRef('MODELS', 'gallery'),
  golden: blobRef('MODELS', 'golden'),
  figures: { candidate: { digest: `sha256:${'0'.repeat(64)}`, accuracy, performance }, champion: null },
  durationMs: 1,
});

/** Every event that run `r1` may meet, from the attempts 1 and 2 of each stage. */
export function allEvents(): PipelineEvent[] {
  const ids = (stage: string) => [1, 2].map((attempt) => `r1.${stage}.${attempt}`);
  const perStage = WORK_STAGES.flatMap((stage) =>
    ids(stage).flatMap((commandId): PipelineEvent[] => [
      { type: `${stage}.failed`, commandId, failure: failure(true) },
      { type: `${stage}.failed`, commandId, failure: failure(false) },
      { type: `${stage}.cancelled`, commandId },
      { type: `${stage}.working`, commandId },
      { type: `${stage}.absent`, commandId },
      { type: 'worker.silent', commandId },
    ]),
  );
  const deployed = {
    runId: 'r1',
    model: 'face',
    release: 1,
    modelDigest: 'm',
    galleryDigest: 'g',
    previousRelease: null,
    replicas: 1,
    swapUsMax: 1,
    origin: { release: 1, runId: 'r1' },
  };
  return [
    ...perStage,
    ...ids('collect').map((commandId): PipelineEvent => ({
      type: 'collect.completed',
      commandId,
      dataset: blobRef('DATASETS', 'd'),
      samples: 2,
      people: 2,
      quarantined: 0,
      durationMs: 1,
    })),
    ...ids('train').map((commandId): PipelineEvent => ({
      type: 'train.completed',
      commandId,
      model: blobRef('MODELS', 'm'),
      epochs: 1,
      loss: 1,
      imagesPerSecond: 1,
      validationRank1: 1,
      durationMs: 1,
    })),
    ...ids('verify').flatMap((id): PipelineEvent[] => [verified(id, 'passed'), verified(id, 'rejected')]),
    { type: 'deploy.prepared' },
    { type: 'deploy.switched', deployed },
    { type: 'deploy.kept' },
    { type: 'deploy.refused', failure: failure(false) },
    { type: 'deploy.breached', failure: failure(false) },
    { type: 'deploy.failed', failure: failure(false) },
    { type: 'deploy.withdrawn' },
    { type: 'operator.cancel' },
    { type: 'operator.cancel', force: true },
    ...(['rollback', 'pause', 'resume', 'approve', 'reject'] as const).map((verb): PipelineEvent => ({
      type: `operator.${verb}`,
    })),
  ];
}
