/**
 * What the nets of a lineage have learned: people, and images by their digests. Each snapshot stores what its champion's
 * says and what it adds itself, so that nobody who was learned is held out later and no learned image is ever a probe. The
 * digests lie in a blob of their own: SHA-256, 32 bytes each, ascending, nothing else; looks beside them. Used by the collector and, before
 * a warm start, by the trainer.
 */
import { createHash } from 'node:crypto';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { DatasetManifest } from '../../contracts/dataset.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { LOOK_ROW_BYTES } from './learned-looks.ts';
import { readManifest } from './load.ts';

export interface Learned {
  readonly people: ReadonlySet<string>;
  /** sha256:<hex> of the images' pixels; of what was learned before 0.6.0, of the files as they were delivered. */
  readonly images: ReadonlySet<string>;
  /** Probes for a lack of others, see split.ts; none of them in `images`. */
  readonly picks: ReadonlySet<string>;
  /** Rows as learned-looks.ts has them, of the images learned since 0.6.0. */
  readonly looks: readonly Uint8Array[];
}

export const NOTHING_LEARNED: Learned = { people: new Set(), images: new Set(), picks: new Set(), looks: [] };

const DIGEST_BYTES = 32;

/** What a snapshot's lineage has learned, the snapshot included; or why that is not known, in words. */
export async function readLearned(dataset: BlobRef, blobs: BlobStore): Promise<Learned | string> {
  try {
    const { learned } = await readManifest(dataset, blobs);
    if (!learned) return `its snapshot ${dataset.key} does not say what was learned`;
    const { people, images, picks, looks = [] } = learned;
    return {
      people: new Set(people),
      images: new Set(await readDigests(images, blobs)),
      picks: new Set(picks ? await readDigests(picks, blobs) : []),
      looks: await Promise.all(looks.map((ref) => readRows(ref, LOOK_ROW_BYTES, blobs))),
    };
  } catch (error) {
    // A snapshot that is gone will not come back; a store that does not answer is another matter.
    if (isGone(error)) return `its snapshot is gone (${error.message})`;
    throw error;
  }
}

const GONE: ReadonlySet<string> = new Set(['BLOB_MISSING', 'BLOB_CORRUPT']);
export const isGone = (error: unknown): error is PipelineError =>
  error instanceof PipelineError && GONE.has(error.code);

/** Stores the digests and looks unless they are stored already. */
export async function storeLearned(
  { people, images, picks, looks }: Learned,
  blobs: BlobStore,
): Promise<NonNullable<DatasetManifest['learned']>> {
  return {
    people: [...people].sort(),
    images: await storeDigests(images, blobs),
    ...(picks.size > 0 && { picks: await storeDigests(picks, blobs) }),
    ...(looks.length > 0 && { looks: await Promise.all(looks.map((rows) => storeList('looks', rows, blobs))) }),
  };
}

function storeDigests(digests: ReadonlySet<string>, blobs: BlobStore): Promise<BlobRef> {
  return storeList('learned', Buffer.from([...digests].sort().map(hexOf).join(''), 'hex'), blobs);
}

async function storeList(folder: 'learned' | 'looks', bytes: Uint8Array, blobs: BlobStore): Promise<BlobRef> {
  const hex = createHash('sha256').update(bytes).digest('hex');
  const key = `${folder}/${hex}`;
  const stored = await blobs.reuse(BUCKETS.datasets, key, `sha256:${hex}`);
  return stored ?? blobs.put(BUCKETS.datasets, key, bytes);
}

async function readDigests(ref: BlobRef, blobs: BlobStore): Promise<string[]> {
  const bytes = await readRows(ref, DIGEST_BYTES, blobs);
  return Array.from({ length: bytes.length / DIGEST_BYTES }, (_, at) => {
    return `sha256:${bytes.toString('hex', at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES)}`;
  });
}

async function readRows(ref: BlobRef, rowBytes: number, blobs: BlobStore): Promise<Buffer> {
  const bytes = await blobs.get(ref);
  if (bytes.length % rowBytes === 0) return bytes;
  throw new PipelineError('BLOB_CORRUPT', `${ref.bucket}/${ref.key}: ${bytes.length} bytes are no list of ${rowBytes}`);
}

const hexOf = (digest: string) => digest.slice('sha256:'.length);
