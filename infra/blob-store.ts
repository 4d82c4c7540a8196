/**
 * The blob store over NATS object buckets. Bytes stream in both directions and are checked against their SHA-256 at
 * both ends. Called by the actors, which hand it to the services as a BlobStore.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeWebStream } from 'node:stream/web';
import type { NatsConnection } from '@nats-io/nats-core';
import { Objm, setSha256Backend, type ObjectInfo, type ObjectStore } from '@nats-io/obj';
import type { BlobBucket, BlobStore } from '../contracts/blobs.ts';
import { PipelineError } from '../contracts/errors.ts';
import { again, unavailable } from './again.ts';
import { faultPoint } from './fault-points.ts';
import type { BlobRef } from '../contracts/values.ts';

interface Context {
  readonly source: string;
  open(bucket: BlobBucket): Promise<ObjectStore>;
}

/** Every chunk is one fsync at the server, so few large ones; the default limit of other servers is 1 MiB. */
const CHUNK_BYTES = 1024 * 1024;
/** For one chunk: a slow disk, or a server that restarts. */
const CHUNK_TIMEOUT_MS = 10_000;
/** The client waits for ever for chunks that were removed while it read; a reader that starves this long gives up. */
const STARVED_MS = 15_000;

/** `node:crypto` instead of the client's JavaScript: four times the throughput. Process-wide by its nature. */
setSha256Backend('native');

/** `source` says who asks; it begins each error message. */
export function createBlobStore(nc: NatsConnection, source = 'blob store'): BlobStore {
  const manager = new Objm(nc);
  const context: Context = { source, open: (bucket) => manager.open(bucket, false) };
  return {
    put: async (bucket, key, content) => {
      const ref = await again(nameOf(context, { bucket, key }), () => put(context, bucket, key, content));
      faultPoint('worker.stored', key);
      return ref;
    },
    get: (ref) => again(nameOf(context, ref), async () => buffer(await read(context, ref))),
    download: (ref, path) => again(nameOf(context, ref), () => download(context, ref, path)),
    find: (bucket, key) => again(nameOf(context, { bucket, key }), () => find(context, bucket, key)),
    remove: (bucket, key) =>
      again(nameOf(context, { bucket, key }), async () => {
        if (await find(context, bucket, key)) await (await context.open(bucket)).delete(key);
      }),
  };
}

const nameOf = ({ source }: Context, { bucket, key }: Pick<BlobRef, 'bucket' | 'key'>) =>
  `${source}: object ${bucket}/${key}`;

async function find(context: Context, bucket: BlobBucket, key: string): Promise<BlobRef | null> {
  const info = await (await context.open(bucket)).info(key);
  return info === null || info.deleted ? null : refOf(bucket, info);
}

async function put(context: Context, bucket: BlobBucket, key: string, content: Uint8Array | (() => Readable)) {
  // Work that is repeated after a crash stores the same bytes again: readers of the object are not disturbed.
  const same = typeof content === 'function' ? null : await findSame(context, bucket, key, content);
  if (same !== null) return same;
  const broken: { error?: Error } = {};
  const stream = typeof content === 'function' ? content() : Readable.from([content]);
  stream.once('error', (error) => (broken.error = error));
  try {
    const store = await context.open(bucket);
    const meta = { name: key, options: { max_chunk_size: CHUNK_BYTES } };
    // Node's own type of a web stream and the global one are the same at run time.
    const web = Readable.toWeb(stream) as unknown as ReadableStream<Uint8Array>;
    return refOf(bucket, await store.put(meta, web, { timeout: CHUNK_TIMEOUT_MS }));
  } catch (cause) {
    if (broken.error) throw broken.error;
    throw unavailable(`${context.source}: ${bucket}/${key} could not be stored: ${String(cause)}`, cause);
  }
}

async function findSame(context: Context, bucket: BlobBucket, key: string, bytes: Uint8Array): Promise<BlobRef | null> {
  const found = await find(context, bucket, key);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  return found?.digest === digest ? found : null;
}

/** The bytes of the object; the stream fails with BLOB_CORRUPT at its end where they do not match their digest. */
async function read(context: Context, ref: BlobRef): Promise<AsyncIterable<Buffer>> {
  const store = await context.open(ref.bucket);
  const name = `${ref.bucket}/${ref.key}`;
  const result = await store.get(ref.key);
  if (result === null) {
    const message = `${context.source}: object ${name} (${ref.digest}) not found; was it pruned?`;
    throw new PipelineError('BLOB_MISSING', message);
  }
  // The same failure also ends the stream, where it is handled.
  result.error.catch(() => {});
  const { digest } = refOf(ref.bucket, result.info);
  if (digest !== ref.digest) {
    await result.data.cancel();
    const message = `${context.source}: object ${name} has ${digest}, but ${ref.digest} was asked for; was it replaced?`;
    throw new PipelineError('BLOB_CORRUPT', message);
  }
  return checked(context, name, result.data as unknown as NodeWebStream<Uint8Array>);
}

async function* checked(context: Context, name: string, data: NodeWebStream<Uint8Array>): AsyncGenerator<Buffer> {
  const reader = data.getReader();
  try {
    while (true) {
      const { done, value } = await orStarved(reader.read(), `${context.source}: object ${name}`);
      if (done) return;
      yield Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
  } catch (cause) {
    if (cause instanceof PipelineError) throw cause;
    const corrupt = cause instanceof Error && /digests do not match/.test(cause.message);
    if (!corrupt) throw unavailable(`${context.source}: object ${name} could not be read: ${String(cause)}`, cause);
    throw new PipelineError('BLOB_CORRUPT', `${context.source}: object ${name}: ${cause.message}`, { cause });
  } finally {
    // Ends the server's delivery also where the reader leaves early; after the end it does nothing.
    await reader.cancel().catch(() => {});
  }
}

async function orStarved<T>(chunk: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const starved = new Promise<never>((_, reject) => {
    const message = `${what}: no bytes for ${STARVED_MS / 1000} s; was it replaced meanwhile?`;
    timer = setTimeout(() => reject(unavailable(message)), STARVED_MS);
  });
  try {
    return await Promise.race([chunk, starved]);
  } finally {
    clearTimeout(timer);
  }
}

/** Written beside its place and renamed when the digest held, so that nobody ever opens half an object. */
async function download(context: Context, ref: BlobRef, path: string): Promise<void> {
  const bytes = await read(context, ref);
  const part = `${path}.${randomUUID()}.part`;
  try {
    await pipeline(bytes, createWriteStream(part));
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}

/** The bucket keeps `SHA-256=<base64url>`. */
const refOf = (bucket: BlobBucket, info: ObjectInfo): BlobRef => ({
  bucket,
  key: info.name,
  digest: `sha256:${Buffer.from(info.digest.replace('SHA-256=', ''), 'base64url').toString('hex')}`,
  bytes: info.size,
});
