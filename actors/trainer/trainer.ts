/**
 * The trainer actor: `train.start` in -> candidate model in MODELS -> `train.completed` out. The state that an attempt
 * saved before it was interrupted is kept under the run's checkpoint key, and the next attempt goes on from there.
 */
import type { Logger } from 'pino';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { TrainingConfig } from '../../contracts/configuration/training.ts';
import type { Completed, StartCommand } from '../../contracts/messages.ts';
import { refitKeyOf, type BlobRef } from '../../contracts/references.ts';
import type { LearningCurve } from '../../contracts/training.ts';
import type { LocalDefinitions } from '../../infra/config/local-definitions.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import { readManifest } from '../../services/data/load.ts';
import { withScratch } from '../../runtime/scratch.ts';
import { spoolSplits, type Part } from '../../services/data/spool.ts';
import { drawInThread } from '../../services/training/curve/draw-in-thread.ts';
import { lineageBreak } from '../../services/training/lineage.ts';
import { provenanceKey, provenanceStatement } from '../../services/signing/provenance.ts';
import { NO_SIGNING, ownKey, type Signing } from '../../services/signing/signing.ts';
import { createTrainingStrategy } from '../../services/training/strategies.ts';
import type { TrainingJob, TrainingOutcome, TrainingStrategy } from '../../services/training/strategy.ts';
import type { WorkContext } from '../../services/work.ts';
import { cleanFeatures } from '../../services/training/frozen/forget-features.ts';
import { withCleanCaches } from '../forget-caches.ts';
import { startWorker, type Worker } from '../worker.ts';
import { EVERYTHING, refit } from './refit.ts';

export interface TrainerOptions {
  readonly bus: Bus;
  readonly blobs: BlobStore;
  readonly local: LocalDefinitions;
  /** Where this worker keeps features of images from night to night; none if absent. */
  readonly featureFolders?: readonly string[];
  readonly log: Logger;
  /** Absent: nothing is signed. */
  readonly signing?: Signing;
}

/** Throws CONFIG_INVALID without a key that others demand. */
export function startTrainer(options: TrainerOptions): Worker {
  const { bus, blobs, local, featureFolders = [], log, signing = NO_SIGNING } = options;
  ownKey(signing, 'trainer');
  const worker = startWorker({
    stage: 'train',
    bus,
    log,
    work: (command, context) => {
      const training = local.training(command.model, command.training);
      return train(blobs, signing, { ...command, training, carried: command.training }, context);
    },
  });
  return withCleanCaches(worker, { stage: 'train', bus, blobs, clean: cleanFeatures(featureFolders), log });
}

/** With all that the command names; `carried` is what it says itself. */
type Defined = Omit<StartCommand<'train'>, 'training'> & {
  readonly training: TrainingConfig;
  readonly carried: StartCommand<'train'>['training'];
};

type Result = Omit<Completed<'train'>, 'durationMs'>;

async function train(blobs: BlobStore, signing: Signing, command: Defined, context: WorkContext): Promise<Result> {
  const { runId, model, training } = command;
  const keys = keysOf(model, runId);
  const done = await blobs.find('REPORTS', keys.report);
  if (done) {
    // Finished before, but interrupted before it could tidy up and say so.
    await blobs.remove('MODELS', keys.checkpoint);
    return (JSON.parse((await blobs.get(done)).toString()) as { result: Result }).result;
  }
  const strategy = await createTrainingStrategy(training.strategy);
  const saveCheckpoint = async (state: Uint8Array) => void (await blobs.put('MODELS', keys.checkpoint, state));
  const startedAt = context.now();
  const [first, second] = training.refit ? halves(context) : [context, context];
  const outcome = await withScratch(async (folder) => {
    const job = await jobOf(blobs, command, folder, context);
    return strategy.train(job, { ...first, saveCheckpoint });
  });
  const { epochs, loss, imagesPerSecond, validationRank1, curve, course } = outcome;
  const candidate = await blobs.put('MODELS', keys.model, outcome.model);
  if (outcome.weights) await blobs.put('MODELS', keys.weights, outcome.weights);
  const trained = { ...outcome, durationMs: context.now() - startedAt };
  const again = training.refit ? await storeRefit(blobs, { command, strategy, candidate, trained }, second) : null;
  const learningCurve = await storeCurve(blobs, { runId, model, points: [...curve] }, context);
  const signed = signing.sign(
    'trainer',
    provenanceStatement({ ...command, training: command.carried }, candidate, again),
  );
  const provenance =
    signed && (await blobs.put('MODELS', provenanceKey(candidate), Buffer.from(JSON.stringify(signed))));
  const result = {
    ...(provenance && { provenance }),
    ...{ model: candidate, epochs, loss, imagesPerSecond, validationRank1 },
    ...(course && { course }),
    ...(learningCurve && { learningCurve }),
  };
  await blobs.put('REPORTS', keys.report, Buffer.from(JSON.stringify({ runId, model, result, curve }, null, 2)));
  await blobs.remove('MODELS', keys.checkpoint);
  return result;
}

interface Trained {
  readonly command: Defined;
  readonly strategy: TrainingStrategy;
  readonly candidate: BlobRef;
  readonly trained: TrainingOutcome & { readonly durationMs: number };
}

/** The weights that the next night begins with stay the candidate's: they have not learned the probes. */
async function storeRefit(blobs: BlobStore, { command, strategy, candidate, trained }: Trained, context: WorkContext) {
  const model = await withScratch(async (folder) => {
    const { validation: _, resumeFrom: __, ...job } = await jobOf(blobs, command, folder, context, EVERYTHING);
    return refit(strategy, job, trained, context);
  });
  return model && blobs.put('MODELS', refitKeyOf(candidate), model);
}

/** Two trainings in a row, one progress bar. */
function halves(context: WorkContext): [WorkContext, WorkContext] {
  const from = (start: number): WorkContext => ({
    ...context,
    progress: (report) => context.progress({ ...report, fraction: start + report.fraction / 2 }),
  });
  return [from(0), from(0.5)];
}

/** A run needs no picture: one that could not be drawn is said in the log, and absent. */
async function storeCurve(
  blobs: BlobStore,
  curve: LearningCurve,
  { log }: WorkContext,
): Promise<Result['learningCurve'] | null> {
  const { runId, model } = curve;
  const keys = keysOf(model, runId);
  try {
    const picture = await blobs.put('REPORTS', keys.curvePicture, Buffer.from(await drawInThread(curve)));
    return { points: await blobs.put('REPORTS', keys.curve, Buffer.from(JSON.stringify(curve))), picture };
  } catch (err) {
    log.warn({ runId, err }, 'training: the learning curve was not stored');
    return null;
  }
}

const keysOf = (model: string, runId: string) => ({
  model: `${model}/${runId}/model.onnx`,
  checkpoint: `${model}/${runId}/training-checkpoint.safetensors`,
  /** The weights with which the next night may begin, should this model become the champion. */
  weights: `${model}/${runId}/training-weights.safetensors`,
  report: `${model}/${runId}/training.json`,
  curve: `${model}/${runId}/learning-curve.json`,
  curvePicture: `${model}/${runId}/learning-curve.svg`,
});

async function jobOf(
  blobs: BlobStore,
  command: Defined,
  folder: string,
  { signal }: WorkContext,
  splits: readonly Part[] = ['train', 'validation'],
): Promise<TrainingJob> {
  const { runId, model, dataset, training, champion } = command;
  const manifest = await readManifest(dataset, blobs);
  const read = async (key: string) => {
    const found = await blobs.find('MODELS', key);
    return found && blobs.get(found);
  };
  const broken = champion && training.warmStart ? await lineageBreak(champion, { dataset, manifest }, blobs) : null;
  const { cacheBytes } = training.input;
  const [train, validation] = await spoolSplits({ manifest, splits, folder, blobs, signal, cacheBytes });
  return {
    runId,
    model,
    config: training,
    train: train!, // The first part.
    validation: validation && validation.count > 0 ? validation : null,
    datasetDigest: dataset.digest,
    resumeFrom: await read(keysOf(model, runId).checkpoint),
    championWeights:
      champion && training.warmStart && !broken ? await read(keysOf(model, champion.runId).weights) : null,
    lineageBreak: broken,
  };
}
