/**
 * For which job and settings a training checkpoint is good: a digest of them. A checkpoint lies in the object store, where
 * others may read it, and the settings have paths, addresses and programs of the trainer's machine.
 */
import { createHash } from 'node:crypto';

export const fingerprint = (of: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(of)).digest('hex');
