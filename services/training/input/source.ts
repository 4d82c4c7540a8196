/** Chooses how a set's batches are made: on disk by threads that read ahead, in memory at once. Called by loop.ts. */
import type { TrainingConfig } from '../../../contracts/configuration/training.ts';
import type { TrainingImages } from '../../data/strategy.ts';
import { createInlineBatches, type BatchSource } from './batches.ts';
import { createWorkerBatches } from './worker-batches.ts';

export function createBatchSource(set: TrainingImages, config: TrainingConfig, batchSize: number): BatchSource {
  const { seed, augment, input } = config;
  const settings = { batchSize, seed, augment };
  return 'pixels' in set ? createInlineBatches(set, settings) : createWorkerBatches(set, { ...settings, ...input });
}
