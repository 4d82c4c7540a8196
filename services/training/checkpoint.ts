/**
 * A training checkpoint: everything that a later attempt needs to go on as if nothing had happened, as a safetensors
 * file. Written by loop.ts after each pass; any Python opens it with `safetensors`.
 */
import { PipelineError } from '../../contracts/errors.ts';
import { floatTensor, readSafetensors, writeSafetensors } from '../safetensors.ts';
import type { TrainingState } from './parameters.ts';
import type { TrainingOutcome } from './strategy.ts';

export interface Checkpoint {
  readonly state: TrainingState;
  /** Passes done. */
  readonly epoch: number;
  /** Steps done. */
  readonly step: number;
  /** Time that earlier attempts spent, for maxDurationMs. */
  readonly elapsedMs: number;
  readonly curve: TrainingOutcome['curve'];
}

const FORMAT = 'nightshift.training/1';

/** `fingerprint` says for which job and settings the state is good. */
export function encodeCheckpoint({ state, ...rest }: Checkpoint, fingerprint: string): Uint8Array {
  const tensors = Object.fromEntries(
    Object.entries(state).map(([name, data]: [string, Float32Array]) => [name, { shape: [data.length], data }]),
  );
  return writeSafetensors({ tensors, metadata: { format: FORMAT, fingerprint, progress: JSON.stringify(rest) } });
}

/** Throws BLOB_CORRUPT when the bytes are no checkpoint, or one of another job. */
export function decodeCheckpoint(bytes: Uint8Array, fingerprint: string): Checkpoint {
  const what = 'training checkpoint';
  const file = readSafetensors(bytes, what);
  if (file.metadata.format !== FORMAT || file.metadata.fingerprint !== fingerprint)
    throw new PipelineError('BLOB_CORRUPT', `${what}: saved by another job or with other settings`);
  const read = (name: keyof TrainingState) => floatTensor(file, name, 1, what).data;
  const state = { w: read('w'), m: read('m'), v: read('v'), statistics: read('statistics') };
  // Written by encodeCheckpoint under this very format name, so the rest has its type.
  return { state, ...(JSON.parse(file.metadata.progress!) as Omit<Checkpoint, 'state'>) };
}
