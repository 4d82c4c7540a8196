/**
 * An engine takes training steps; it knows nothing of passes, schedules or files. Variants: onnx/engine.ts and
 * tfjs/engine.ts. Used by loop.ts, in a training thread.
 */
import type { LossConfig, OptimizerConfig } from '../../contracts/pipeline.ts';
import type { MaskedBatch } from './masks.ts';
import type { TrainingSizes, TrainingState } from './parameters.ts';

export interface EngineSpec extends TrainingSizes {
  /** Images in every batch. */
  readonly batch: number;
  readonly loss: LossConfig;
  readonly optimizer: OptimizerConfig;
  /** Threads inside one operator; 0 lets the library choose. */
  readonly threads: number;
}

export interface TrainingEngine {
  /** One update; answers the loss before it. `step` counts from 1 over the whole training. */
  step(batch: MaskedBatch, learningRate: number, step: number): Promise<number>;
  state(): Promise<TrainingState>;
  dispose(): Promise<void>;
}

export interface EngineFactory {
  /** Library and version, for the model's metadata. */
  readonly framework: string;
  create(spec: EngineSpec, initial: TrainingState): Promise<TrainingEngine>;
}
