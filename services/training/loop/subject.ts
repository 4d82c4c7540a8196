/**
 * The subject of a training: a whole net on images, or the head of a frozen backbone on the features of images
 * (frozen/subject.ts). All that differs between the two; the loop sees this only.
 */
import type { TrainingConfig } from '../../../contracts/configuration/training.ts';
import type { ImageSet, TrainingImages } from '../../data/strategy.ts';
import { exportModel, type Weights } from '../model/export.ts';
import type { BatchSource } from '../input/batches.ts';
import { createBatchSource } from '../input/source.ts';
import type { ModelMetadata } from '../model/metadata.ts';
import type { NetInput, ResolvedNet } from '../nets/nets.ts';
import type { TrainingJob } from '../strategy.ts';

/** Images as their features. */
export interface FeatureSet extends Omit<ImageSet, 'spec'> {
  readonly spec: NetInput;
  /** [count, channels of the spec] */
  readonly features: Float32Array;
}
export type TrainingSet = TrainingImages | FeatureSet;

export type Exporter = (net: ResolvedNet, weights: Weights, metadata: ModelMetadata) => Uint8Array;

export interface Subject {
  readonly layers: TrainingConfig['net'];
  readonly input: NetInput;
  readonly train: TrainingSet;
  readonly validation: TrainingSet | null;
  readonly batches: (batchSize: number) => BatchSource;
  /** The model that serves: raw pixels in. */
  readonly exportModel: Exporter;
  /** A model for the sets above, to see how training goes. */
  readonly exportTrial: Exporter;
}

export function wholeNet({ config, train, validation }: TrainingJob): Subject {
  const batches = (batchSize: number) => createBatchSource(train, config, batchSize);
  return { layers: config.net, input: train.spec, train, validation, batches, exportModel, exportTrial: exportModel };
}
