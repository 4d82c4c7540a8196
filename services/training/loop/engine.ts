/**
 * An engine takes training steps; it knows nothing of passes, schedules or files. Variants: onnx/engine.ts and
 * tfjs/engine.ts. Used by loop.ts, in a training thread.
 */
import type { LossConfig, OptimizerConfig, TrainingConfig } from '../../../contracts/configuration/training.ts';
import type { MaskedBatch } from './masks.ts';
import type { TrainingSizes, TrainingState } from '../nets/parameters.ts';

export interface EngineSpec extends TrainingSizes {
  /** Images in every batch, which is what one update sees. */
  readonly batch: number;
  /** Images in one pass through the net; `batch` is a multiple of it. Memory grows with it, the update does not change. */
  readonly microBatch: number;
  readonly loss: LossConfig;
  readonly optimizer: OptimizerConfig;
  /** Threads that may compute at once; 0: one for each processor. */
  readonly threads: number;
}

/** In a pass that nobody asked for: batch-norm's statistics of fewer images are noise. */
const PASS_IMAGES_MIN = 8;

/**
 * Images per update and per pass for a set of `count` images: a batch that is no multiple of the micro-batch is rounded
 * down to one, because a graph has its sizes built in. Without a configured one there are two passes, on every machine,
 * so that two cores can share them and the result does not depend on how many there are.
 */
export function batchSizes(
  config: Pick<TrainingConfig, 'batchSize' | 'microBatch'>,
  count: number,
): Pick<EngineSpec, 'batch' | 'microBatch'> {
  const wanted = Math.min(config.batchSize, count);
  const half = wanted / 2;
  const usual = Number.isInteger(half) && half >= PASS_IMAGES_MIN ? half : wanted;
  const microBatch = Math.min(config.microBatch ?? usual, wanted);
  return { batch: wanted - (wanted % microBatch), microBatch };
}

export interface TrainingEngine {
  /** One update; answers the loss before it. `step` counts from 1 over the whole training. */
  step(batch: MaskedBatch, learningRate: number, step: number): Promise<number>;
  /** The caller copies what it keeps: the next step may write into the same arrays. */
  state(): Promise<TrainingState>;
  dispose(): Promise<void>;
}

export interface EngineFactory {
  /** Library and version, for the model's metadata. */
  readonly framework: string;
  create(spec: EngineSpec, initial: TrainingState): Promise<TrainingEngine>;
}
