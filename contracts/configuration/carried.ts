/**
 * What of a pipeline's configuration may travel: in commands, forks, checkpoints and answers. One table decides it for each
 * setting, and its type wants a word on each, so that a new setting is carried only if somebody decided so. Programs, paths,
 * addresses and modules stay in local files; their names travel in place of them (local-name.ts).
 */
import type { Named, Word } from './carriage-rule.ts';
import type { LocalSource } from './data.ts';
import type { DeploymentConfig } from './deployment.ts';
import type { FaceSettings } from './faces.ts';
import type { LocalName } from './local-name.ts';
import type { PipelineConfig } from './pipeline.ts';
import type { BackboneConfig, TrainingConfig } from './training.ts';
import type { VerificationConfig } from './verification.ts';

type KeyOf<T> = T extends unknown ? keyof T : never;
type At<T, K> = T extends unknown ? (K extends keyof T ? NonNullable<T[K]> : never) : never;
/** Of settings a word for each; of anything else one word. */
type Decided<T> = [T] extends [readonly unknown[]]
  ? Word | Named
  : [T] extends [object]
    ? { readonly [K in KeyOf<T>]-?: Decided<At<T, K>> } | Named
    : Word | Named;

const YES = 'carried' as const;
const SCORES = {
  ...{ rank1Min: YES, worstTenthMin: YES, wrongNameMax: YES, fnirMax: YES, rocAucMin: YES, rank1DropMax: YES },
  ...{ fnirRiseMax: YES, namesLostMax: YES, tarDropMax: YES, sliceDropMax: YES, bestDropMax: YES },
  ...{ thresholdJumpMax: YES, galleryShrinkMax: YES },
} as const;

export const CARRIAGE = {
  noun: { one: YES, many: YES },
  sources: { named: 'sources' },
  strangers: { named: 'sources' },
  image: { width: YES, height: YES, channels: YES },
  faces: {
    detector: { named: 'files' },
    ...{ scoreMin: YES, sizeMin: YES, blurMin: YES, onSeveral: YES, crop: { eyesApart: YES, eyesDown: YES } },
  },
  split: { strategy: YES, validation: YES, probe: YES, train: YES },
  checks: {
    sourceShrank: { share: YES, action: YES },
    peopleLeft: { share: YES, action: YES },
    peopleCame: { share: YES, action: YES },
    sourceFailed: { quorum: YES, action: YES },
    announced: { action: YES },
    brokenItems: { share: YES, count: YES, action: YES },
    imagesLeft: { share: YES, people: YES, action: YES },
    conflictingNames: { action: YES },
    similarNames: { action: YES },
    brightness: { levels: YES, action: YES },
    likeness: { fall: YES, action: YES },
    likeAnother: { margin: YES, share: YES, action: YES },
  },
  training: {
    strategy: { named: 'modules' },
    command: { named: 'programs' },
    // A message may not widen the wall around what it has named.
    foreignModel: { memoryBytes: 'local', timeoutMs: 'local' },
    ...{ providers: YES, net: YES },
    backbone: {
      path: { named: 'files' },
      input: { mean: YES, scale: YES },
      ...{ output: YES, head: YES },
      cacheDir: 'local',
    },
    ...{ epochs: YES, batchSize: YES, microBatch: YES, learningRate: YES },
    loss: { type: YES, scale: YES, margin: YES, labelSmoothing: YES },
    optimizer: { type: YES, weightDecay: YES, clipNorm: YES, momentum: YES },
    augment: { flip: YES, shiftPx: YES, brightness: YES, contrast: YES, cutoutPx: YES },
    input: { workers: YES, memoryBytes: YES, cacheBytes: YES },
    ...{ seed: YES, threads: YES, maxDurationMs: YES, checkpointEverySteps: YES },
    earlyStopping: { patience: YES, minDelta: YES, metric: YES },
    ...{ mirror: YES, refit: YES, warmStart: YES },
  },
  decision: {
    identify: { fpir: YES, margin: YES },
    verify: { far: YES },
    holdOut: { share: YES, min: YES },
    inconclusive: YES,
  },
  verification: {
    gates: { ...SCORES, latencyP99MsMax: YES, imagesPerSecondMin: YES, slowdownMax: YES },
    ...{ accuracyMaxMs: YES, performanceMaxMs: YES, performanceRequests: YES },
    featuresDir: 'local',
  },
  deployment: {
    strategy: { named: 'modules' },
    canary: { share: YES, windowMs: YES, keyHeader: YES },
    ...{ replicasMin: YES, guardMs: YES, guardRequestsMin: YES, guardErrorRateMax: YES, guardLatencyP99MsMax: YES },
    ...{ guardLatencyRatioMax: YES, guardScoreShiftMax: YES, guardScoresMin: YES, retainedReleases: YES },
    approval: { required: YES, timeoutMs: YES, onTimeout: YES },
  },
  timeouts: { collectMs: YES, trainMs: YES, verifyMs: YES, deployMs: YES, answerMs: YES, heartbeatMs: YES },
  retry: { attemptsMax: YES, backoffMs: YES, backoffMaxMs: YES },
  schedule: {
    ...{ cron: YES, timeZone: YES, overlap: YES, catchUpMs: YES, pauseAfterFailures: YES, nightWithinMs: YES },
    window: { from: YES, to: YES },
  },
} as const satisfies { readonly [S in keyof Required<PipelineConfig>]: Decided<NonNullable<PipelineConfig[S]>> };

type WordOf<Strategy> = Extract<Strategy, string>;
export interface CarriedTraining extends Omit<TrainingConfig, 'strategy' | 'command' | 'foreignModel' | 'backbone'> {
  readonly strategy: WordOf<TrainingConfig['strategy']> | LocalName;
  readonly command?: LocalName | undefined;
  readonly backbone?: (Omit<BackboneConfig, 'path' | 'cacheDir'> & { readonly path: LocalName }) | undefined;
}
export type CarriedFaces = FaceSettings & { readonly detector: LocalName };
export type CarriedVerification = Omit<VerificationConfig, 'featuresDir'>;
export type CarriedDeployment = Omit<DeploymentConfig, 'strategy'> & {
  readonly strategy: WordOf<DeploymentConfig['strategy']> | LocalName;
};
/** A pipeline as it travels. */
export interface CarriedPipeline extends Omit<
  PipelineConfig,
  'sources' | 'strangers' | 'faces' | 'training' | 'verification' | 'deployment'
> {
  readonly sources: readonly LocalSource[];
  readonly strangers: readonly LocalSource[];
  readonly faces?: CarriedFaces | undefined;
  readonly training: CarriedTraining;
  readonly verification: CarriedVerification;
  readonly deployment: CarriedDeployment;
}
