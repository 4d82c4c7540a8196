/**
 * Trains with TensorFlow.js where one of its native packages is installed: the way to a CUDA card. Same nets, loss,
 * augmentation, schedule and export as the default strategy; only the steps are taken by another library.
 */
import { checkJob, trainInThread } from './loop/in-thread.ts';
import type { TrainingStrategy } from './strategy.ts';

export interface TfjsStrategyOptions {
  /** Packages with the interface of @tensorflow/tfjs, tried in this order in the training thread. */
  readonly packages?: readonly string[];
}

const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/** `train` throws STRATEGY_UNAVAILABLE when none of the packages loads. */
export function createTfjsStrategy({ packages = PACKAGES }: TfjsStrategyOptions = {}): TrainingStrategy {
  return {
    name: 'tfjs',
    async train(job, context) {
      checkJob(job);
      return trainInThread({ job, engine: { type: 'tfjs', packages } }, context);
    },
  };
}
