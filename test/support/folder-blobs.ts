/**
 * A BlobStore over a folder, for tests of services that know no NATS. Passes the same conformance suite as the object
 * store (folder-blobs.test.ts); in production there is only that one.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BlobBucket, BlobStore } from '../../contracts/blobs.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { BlobRef } from '../../contracts/references.ts';

/** Lends a store in a fresh temporary folder and removes it afterwards. */
export async function withFolderBlobs(use: (store: BlobStore, folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-blobs-'));
  try {
    await use(createFolderBlobs(folder), folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function createFolderBlobs(folder: string): BlobStore {
  const pathOf = (bucket: BlobBucket, key: string) => join(folder, bucket, encodeURIComponent(key));
  return {
    put: (bucket, key, content) => put(folder, pathOf(bucket, key), { bucket, key }, content),
    get: async (ref) => {
      const bytes = await orMissing(readFile(pathOf(ref.bucket, ref.key)), ref);
      check(ref, digestOf(bytes));
      return bytes;
    },
    download: async (ref, path) => {
      const stored = pathOf(ref.bucket, ref.key);
      check(ref, (await orMissing(hashFile(stored), ref)).digest);
      await copyFile(stored, `${path}.part`);
      await rename(`${path}.part`, path);
    },
    find: async (bucket, key) => {
      const found = await hashFile(pathOf(bucket, key)).catch(nullIfAbsent);
      return found && { bucket, key, ...found };
    },
    reuse: async (bucket, key, digest) => {
      const found = await hashFile(pathOf(bucket, key)).catch(nullIfAbsent);
      return found?.digest === digest ? { bucket, key, ...found } : null;
    },
    holds: async ({ bucket, key, digest }) =>
      (await hashFile(pathOf(bucket, key)).catch(nullIfAbsent))?.digest === digest,
    remove: (bucket, key) => rm(pathOf(bucket, key), { force: true }),
  };
}

async function put(
  folder: string,
  path: string,
  name: Pick<BlobRef, 'bucket' | 'key'>,
  content: Uint8Array | (() => Readable),
): Promise<BlobRef> {
  await mkdir(join(folder, name.bucket), { recursive: true });
  const temporary = join(folder, randomUUID());
  try {
    // A list of one chunk, because Readable.from takes a Uint8Array for a list of numbers.
    const stream = typeof content === 'function' ? content() : Readable.from([Buffer.from(content)]);
    await pipeline(stream, createWriteStream(temporary));
    const ref = { ...name, ...(await hashFile(temporary)) };
    await rename(temporary, path);
    return ref;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function hashFile(path: string): Promise<{ digest: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  // createReadStream yields Buffers where no encoding is set.
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { digest: `sha256:${hash.digest('hex')}`, bytes };
}

function check(ref: BlobRef, digest: string): void {
  if (digest === ref.digest) return;
  throw new PipelineError('BLOB_CORRUPT', `${ref.bucket}/${ref.key}: the bytes have ${digest}, not ${ref.digest}`);
}

async function orMissing<T>(work: Promise<T>, ref: BlobRef): Promise<T> {
  const found = await work.catch(nullIfAbsent);
  if (found !== null) return found;
  throw new PipelineError('BLOB_MISSING', `${ref.bucket}/${ref.key} (${ref.digest}): not in the store; was it pruned?`);
}

function nullIfAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
