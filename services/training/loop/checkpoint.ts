/**
 * A training checkpoint: everything that a later attempt needs to go on as if nothing had happened, at any step, as a
 * safetensors file. Randomness needs no place in it, because batches and masks follow from the seed and the step. Written
 * by loop.ts; any Python opens it with `safetensors`.
 */
import { PipelineError } from '../../../contracts/errors.ts';
import type { CurvePoint, HeadChoice, TrainingCourse } from '../../../contracts/training.ts';
import { floatTensor, readSafetensors, writeSafetensors } from '../../safetensors.ts';
import type { LossWatch } from './divergence.ts';
import type { Weights } from '../model/export.ts';
import type { TrainingState } from '../nets/parameters.ts';

/** Where a training stands between two steps. */
export interface Position {
  /** Steps done, over all passes. */
  readonly step: number;
  /** Steps done of the pass under way; 0 between two passes. */
  readonly stepsInPass: number;
  /** Sum of the losses of the pass under way. */
  readonly lossSum: number;
  /** One point per pass that has ended. */
  readonly curve: readonly CurvePoint[];
  /** Time spent, earlier attempts included, for maxDurationMs. */
  readonly elapsedMs: number;
  /** Null before the first step. */
  readonly watch: LossWatch | null;
  readonly warmStart: TrainingCourse['warmStart'];
  /** Set once the training has diverged: its rate is lowered from there on, and a second time ends it. */
  readonly retry: TrainingCourse['retry'];
  /** Set where the head was compared with none and chosen. */
  readonly head?: HeadChoice;
}

/** Before the first step. */
export const START: Omit<Position, 'warmStart'> = {
  ...{ step: 0, stepsInPass: 0, lossSum: 0, curve: [], elapsedMs: 0, watch: null, retry: null },
};

export interface TrainingCheckpoint {
  readonly state: TrainingState;
  /** The weights of the best pass so far, where early stopping asks for them. */
  readonly best: Weights | null;
  readonly position: Position;
}

const FORMAT = 'nightshift.training/2';

/** `fingerprint` says for which job and settings the state is good. Copies: the state may change afterwards. */
export function encodeCheckpoint({ state, best, position }: TrainingCheckpoint, fingerprint: string): Uint8Array {
  const named = { ...state, ...(best && { best_w: best.w, best_statistics: best.statistics }) };
  const tensors = Object.fromEntries(
    Object.entries(named).map(([name, data]: [string, Float32Array]) => [name, { shape: [data.length], data }]),
  );
  return writeSafetensors({ tensors, metadata: { format: FORMAT, fingerprint, position: JSON.stringify(position) } });
}

/** Throws BLOB_CORRUPT when the bytes are no checkpoint, or one of another job. */
export function decodeCheckpoint(bytes: Uint8Array, fingerprint: string): TrainingCheckpoint {
  const what = 'training checkpoint';
  const file = readSafetensors(bytes, what);
  if (file.metadata.format !== FORMAT || file.metadata.fingerprint !== fingerprint)
    throw new PipelineError('BLOB_CORRUPT', `${what}: saved by another job or with other settings`);
  const read = (name: string) => floatTensor(file, name, 1, what).data;
  const state = { w: read('w'), m: read('m'), v: read('v'), statistics: read('statistics') };
  const best = 'best_w' in file.tensors ? { w: read('best_w'), statistics: read('best_statistics') } : null;
  // Written by encodeCheckpoint under this very format name, so it has this type.
  return { state, best, position: JSON.parse(file.metadata.position!) as Position };
}
