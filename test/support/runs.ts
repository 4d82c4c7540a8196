/** Values for tests of the machine and the orchestrator: a pipeline, references, and one event of each kind. */
import type { CarriedPipeline } from '../../contracts/configuration/carried.ts';
import { carriedOf } from '../../contracts/configuration/separate.ts';
import { PipelineConfigSchema } from '../../contracts/configuration/pipeline.ts';
import type { DataFinding } from '../../contracts/dataset.ts';
import { WORK_STAGES } from '../../contracts/subjects.ts';
import type { BlobRef } from '../../contracts/references.ts';
import type { PastFigures, Verdict } from '../../contracts/verification.ts';
import type { ForkOrigin, PipelineEvent, PipelineInput } from '../../machines/pipeline.machine.ts';
import { figures } from './figures.ts';

/** As it travels: `people` is the name of a source that no test reads. */
export const pipelineConfig = (overrides: object = {}): CarriedPipeline =>
  carriedOf('face', PipelineConfigSchema.parse({ sources: [{ type: 'local', name: 'people' }], ...overrides }));

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
  history: [],
  unchangedContent: null,
  lastVerdict: null,
  blessing: null,
  ...overrides,
});

const failure = (retryable: boolean) => ({ code: 'INTERNAL' as const, message: 'broken', retryable });

/** An inconclusive candidate may serve if the configuration says so; here it may not, unless a test says otherwise. */
export const verified = (commandId: string, verdict: Verdict, admitted = verdict === 'blessed') => ({
  type: 'verify.completed' as const,
  commandId,
  verdict,
  admitted,
  reasons: [],
  report: blobRef('REPORTS', 'report'),
  gallery: blobRef('MODELS', 'gallery'),
  golden: blobRef('MODELS', 'golden'),
  figures: figures(),
  durationMs: 1,
});

/** The content of a snapshot that differs in nothing from the one before. */
export const UNCHANGED = `sha256:${'c'.repeat(64)}`;

const collected = (commandId: string) => ({
  type: 'collect.completed' as const,
  commandId,
  dataset: blobRef('DATASETS', 'd'),
  samples: 1,
  people: 1,
  quarantined: 0,
  durationMs: 1,
});

const FINDINGS: DataFinding[] = [
  { check: 'peopleCame', action: 'note', message: '9 people came to 4: Ada, Ben' },
  { check: 'sourceShrank', action: 'hold', message: 'source "auth" has 0 images and had 12: 100 % fewer' },
];

/** A release before, as its verifier saw it. */
export const PAST: PastFigures = {
  runId: 'r0',
  release: 1,
  rank1PerPerson: 0.95,
  fnir: 0.1,
  tar: 0.9,
  people: 20,
  identifyThreshold: 0.5,
};

/** A run whose candidate was not let in, to go on from at its deployment. */
export const REJECTED: ForkOrigin = {
  runId: 'r0',
  stage: 'deploy',
  dataset: blobRef('DATASETS', 'd'),
  content: UNCHANGED,
  candidate: blobRef('MODELS', 'm'),
  verification: verified('r0.verify.1', 'rejected'),
};

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
    ...ids('collect').map(collected),
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
    ...ids('verify').flatMap((id): PipelineEvent[] => [verified(id, 'blessed'), verified(id, 'rejected')]),
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
    // Behind the others, whose places in the table are in the recorded decisions.
    ...ids('verify').flatMap((id): PipelineEvent[] => [
      verified(id, 'inconclusive', true),
      verified(id, 'inconclusive', false),
    ]),
    ...ids('collect').map((commandId): PipelineEvent => ({ ...collected(commandId), content: UNCHANGED })),
    ...ids('collect').map((commandId): PipelineEvent => ({ ...collected(commandId), findings: FINDINGS })),
  ];
}
