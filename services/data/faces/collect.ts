/**
 * Faces for a collection: the detector that the configuration names is stored once with its settings, by its content, so
 * that the dataset and each release made of it can carry it; and threads look for faces as long as the collection runs.
 * Called by snapshot.ts.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { BlobStore } from '../../../contracts/blobs.ts';
import type { FacesConfig } from '../../../contracts/configuration/faces.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import type { BlobRef } from '../../../contracts/references.ts';
import { BUCKETS } from '../../../contracts/subjects.ts';
import { openFaces, type Faces } from './face-threads.ts';
import { withSettings } from './file.ts';

export interface CollectionFaces {
  /** Null if pictures are taken whole. */
  readonly faces: Faces | null;
  /** The stored file, for the manifest. */
  readonly file: BlobRef | null;
}

/** As many as a source holds samples; each takes some 30 MB. */
const THREADS_MAX = 8;

/** Throws CONFIG_INVALID for a detector that cannot be read, MODEL_INVALID, the blob store's errors, or what `use` throws. */
export async function withFaces<T>(
  config: FacesConfig | undefined,
  blobs: BlobStore,
  use: (faces: CollectionFaces) => Promise<T>,
): Promise<T> {
  if (config === undefined) return use({ faces: null, file: null });
  const { detector, ...settings } = config;
  const bytes = withSettings(await read(detector), settings, detector);
  const faces = await openFaces(bytes, Math.min(THREADS_MAX, availableParallelism()));
  try {
    return await use({ faces, file: await store(bytes, blobs) });
  } finally {
    await faces.close();
  }
}

async function store(bytes: Uint8Array, blobs: BlobStore): Promise<BlobRef> {
  const hex = createHash('sha256').update(bytes).digest('hex');
  const key = `faces/${hex}.onnx`;
  const stored = await blobs.reuse(BUCKETS.models, key, `sha256:${hex}`);
  return stored ?? blobs.put(BUCKETS.models, key, bytes);
}

function read(detector: string): Promise<Buffer> {
  return readFile(detector).catch((cause) => {
    const advice = 'name a file that `nightshift faces import` wrote, on this machine';
    throw new PipelineError('CONFIG_INVALID', `faces.detector: ${detector}: ${(cause as Error).message}; ${advice}`, {
      cause,
    });
  });
}
