/**
 * The checkpoint of an outside program as it is stored: its file, unread, and all that the program had reported by
 * then, so that the learning curve of a resumed training is whole.
 */
import { PipelineError } from '../../../contracts/errors.ts';
import { readSafetensors, writeSafetensors } from '../../safetensors.ts';
import type { TrainingOutcome } from '../strategy.ts';

export interface CommandCheckpoint {
  /** The program's own. */
  readonly bytes: Uint8Array;
  readonly curve: TrainingOutcome['curve'];
  /** Time that attempts spent, for maxDurationMs. */
  readonly elapsedMs: number;
}

const FORMAT = 'nightshift.command-checkpoint/1';

/** `fingerprint` says for which job and settings it is good. */
export function encodeCheckpoint({ bytes, ...rest }: CommandCheckpoint, fingerprint: string): Uint8Array {
  const tensors = { checkpoint: { shape: [bytes.length], data: bytes } };
  return writeSafetensors({ tensors, metadata: { format: FORMAT, fingerprint, progress: JSON.stringify(rest) } });
}

/** Throws BLOB_CORRUPT when the bytes are no such checkpoint, or one of another job. */
export function decodeCheckpoint(stored: Uint8Array, fingerprint: string): CommandCheckpoint {
  const what = 'training checkpoint';
  const { tensors, metadata } = readSafetensors(stored, what);
  if (metadata.format !== FORMAT || metadata.fingerprint !== fingerprint)
    throw new PipelineError('BLOB_CORRUPT', `${what}: saved by another job or with other settings`);
  // Written by encodeCheckpoint under this very format name, so both have these types.
  const bytes = tensors.checkpoint!.data as Uint8Array;
  return { bytes, ...(JSON.parse(metadata.progress!) as Omit<CommandCheckpoint, 'bytes'>) };
}
