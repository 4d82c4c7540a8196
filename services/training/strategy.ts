/**
 * A training strategy turns labelled images into an ONNX embedding model. Variants: onnx-graph.ts, tfjs.ts, command.ts.
 * All pass test/services/training/training.conformance.ts.
 *
 * The model that every strategy yields: input `images` float32 [batch, channels, height, width] with values 0..255
 * (per-image z-normalisation is inside the graph, so that trainer, verifier and server cannot differ in it); output
 * `embeddings` float32 [batch, dimensions], rows of length 1; metadata_props as in metadata.ts.
 */
import type { TrainingConfig } from '../../contracts/configuration/training.ts';
import type { CurvePoint, TrainingCourse } from '../../contracts/training.ts';
import type { TrainingImages } from '../data/strategy.ts';
import type { WorkContext } from '../work.ts';

export interface TrainingJob {
  readonly runId: string;
  readonly model: string;
  readonly config: TrainingConfig;
  readonly train: TrainingImages;
  /** Null where the snapshot has no validation split. */
  readonly validation: TrainingImages | null;
  /** Digest of the dataset manifest, for the model's metadata. */
  readonly datasetDigest: string;
  /** The state that an interrupted attempt at this very job saved last, in the strategy's own format. */
  readonly resumeFrom: Uint8Array | null;
  /** The `weights` that the champion's training left; absent or null where there is none, or none is wanted. */
  readonly championWeights?: Uint8Array | null;
  /** Why the champion's weights may not be used, in words; absent or null if they may. See lineage.ts. */
  readonly lineageBreak?: string | null;
}

export interface TrainingContext extends WorkContext {
  /**
   * Saves a partial result, replacing the one before. Training goes on meanwhile; it is not called again before the
   * promise settles, and what was reached by then is saved next. A rejection ends training with that error.
   */
  readonly saveCheckpoint: (state: Uint8Array) => Promise<void>;
}

export interface TrainingOutcome {
  /** An ONNX file. */
  readonly model: Uint8Array;
  /** The weights with which the next night may begin (`championWeights`); absent where the strategy leaves none. */
  readonly weights?: Uint8Array;
  /** Passes done; the last one may have been cut short by the time limit. */
  readonly epochs: number;
  /** Mean loss of the pass whose weights the model has: the best one under early stopping, otherwise the last. */
  readonly loss: number;
  readonly imagesPerSecond: number;
  /** Of the same pass. */
  readonly validationRank1: number | null;
  readonly curve: readonly CurvePoint[];
  /** Absent where the strategy cannot tell. */
  readonly course?: TrainingCourse;
}

export interface TrainingStrategy {
  /** For messages, and the first word of the framework in the model's metadata. */
  readonly name: string;
  /**
   * Throws NET_INVALID, DATASET_TOO_SMALL, TRAINING_DIVERGED, TRAINING_FAILED, STRATEGY_UNAVAILABLE, or the abort
   * signal's reason within one step of its abort.
   */
  train(job: TrainingJob, context: TrainingContext): Promise<TrainingOutcome>;
}
