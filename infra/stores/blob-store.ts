/**
 * The blob store over NATS object buckets. Bytes stream in both directions and are checked against their SHA-256 at
 * both ends. Called by the actors, which hand it to the services as a BlobStore.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import { Objm, setSha256Backend, type ObjectInfo, type ObjectStore } from '@nats-io/obj';
import type { BlobBucket, BlobStore } from '../../contracts/blobs.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { faultPoint } from '../../runtime/fault-points.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { askAgain, unavailable } from '../messaging/ask-again.ts';
import { unlessDenied } from '../messaging/denial.ts';
import { managerOf, wireBucket, wireClientOf, type Manager } from '../messaging/jetstream.ts';
import { forwardedFrom, type CheckForward } from './forgotten-store.ts';
import { chunkSubject, objectStreamName } from '../topology/streams.ts';
import { latestMeta, refOf as metaRefOf, renewMeta } from './object-meta.ts';

interface Context {
  readonly source: string;
  readonly checkForward: CheckForward;
  open(bucket: BlobBucket): Promise<ObjectStore>;
  manager(): Promise<Manager>;
}

/** Every chunk is one fsync at the server, so few large ones; the default limit of other servers is 1 MiB. */
const CHUNK_BYTES = 1024 * 1024;
/** For one chunk: a slow disk, or a server that restarts. */
const CHUNK_TIMEOUT_MS = 10_000;
/** `node:crypto` instead of the client's JavaScript: four times the throughput. Process-wide by its nature. */
setSha256Backend('native');

/**
 * `source` names the caller; it begins each error message. `checkForward` is asked before content is read that a janitor has
 * put in place of another; absent: every one is believed.
 */
export function createBlobStore(
  nc: NatsConnection,
  source = 'blob store',
  checkForward: CheckForward = () => {},
): BlobStore {
  const objects = new Objm(wireClientOf(nc));
  const context: Context = {
    ...{ source, checkForward },
    open: (bucket) => objects.open(wireBucket(nc, bucket), false),
    manager: () => managerOf(nc, { timeout: CHUNK_TIMEOUT_MS }),
  };
  const ask = <T>(what: string, work: () => Promise<T>) =>
    askAgain(what, work).catch((error) => {
      throw unlessDenied(error, nc);
    });
  return {
    put: async (bucket, key, content) => {
      const ref = await ask(nameOf(context, { bucket, key }), () => put(context, bucket, key, content));
      faultPoint('worker.stored', key);
      return ref;
    },
    get: (ref) => ask(nameOf(context, ref), async () => joined(await read(context, ref))),
    download: (ref, path) => ask(nameOf(context, ref), () => download(context, ref, path)),
    find: (bucket, key) => ask(nameOf(context, { bucket, key }), () => find(context, bucket, key)),
    reuse: (bucket, key, digest) =>
      ask(nameOf(context, { bucket, key }), () => reuse(nc, context, bucket, key, digest)),
    holds: (ref) => ask(nameOf(context, ref), () => holds(context, ref)),
    remove: (bucket, key) =>
      ask(nameOf(context, { bucket, key }), async () => {
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

async function holds(context: Context, ref: BlobRef): Promise<boolean> {
  const found = await find(context, ref.bucket, ref.key);
  if (found?.digest === ref.digest) return true;
  const now = await forwardedFrom(await context.manager(), ref, context.checkForward);
  return now !== null && (await find(context, now.bucket, now.key))?.digest === now.digest;
}

/** Its description is written anew; a janitor that was about to delete it finds that, or has been faster. */
async function reuse(
  nc: NatsConnection,
  context: Context,
  bucket: BlobBucket,
  key: string,
  digest: string,
): Promise<BlobRef | null> {
  const manager = await context.manager();
  for (;;) {
    const stored = await latestMeta(manager, bucket, key);
    if (stored === null || stored.meta.deleted) return null;
    const ref = metaRefOf(bucket, stored.meta);
    if (ref.digest !== digest) return null;
    if ((await renewMeta(nc, stored, stored.meta)) !== null) return ref;
  }
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

/** The bytes of the object; the stream fails with BLOB_CORRUPT at its end if they do not match their digest. */
async function read(context: Context, ref: BlobRef): Promise<AsyncIterable<Buffer>> {
  const name = `${ref.bucket}/${ref.key}`;
  const info = await (await context.open(ref.bucket)).info(ref.key);
  if (info !== null && !info.deleted && refOf(ref.bucket, info).digest === ref.digest) {
    return chunksOf(context, ref, info);
  }
  // Somebody was taken out of it since.
  const now = await forwardedFrom(await context.manager(), ref, context.checkForward);
  if (now !== null) return read(context, now);
  if (info === null || info.deleted) {
    const message = `${context.source}: object ${name} (${ref.digest}) not found; was it pruned?`;
    throw new PipelineError('BLOB_MISSING', message);
  }
  const { digest } = refOf(ref.bucket, info);
  const message = `${context.source}: object ${name} has ${digest}, but ${ref.digest} was asked for; was it replaced?`;
  throw new PipelineError('BLOB_CORRUPT', message);
}

/** Without the copies by way of a Blob that node:stream/consumers makes. */
async function joined(bytes: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of bytes) parts.push(part);
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/**
 * Asks for one chunk after the other. The client's own way makes a consumer for each object: 3 ms of the server's time
 * instead of half a one, and all chunks at once. So the server has no more under way than the reader takes.
 */
async function* chunksOf(context: Context, ref: BlobRef, info: ObjectInfo): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let seq = 0;
  for (let i = 0; i < info.chunks; i++) {
    const message = await nextChunk(context, ref, info, seq + 1);
    if (message === null) throw await lostChunk(context, ref, info, i);
    seq = message.seq;
    hash.update(message.data);
    yield Buffer.from(message.data.buffer, message.data.byteOffset, message.data.byteLength);
  }
  if (`sha256:${hash.digest('hex')}` === ref.digest) return;
  throw corrupt(context, ref, `its bytes do not match ${ref.digest}`);
}

/**
 * Any server that holds the bucket may answer. A server that lags behind may not know the chunk yet; the leader does.
 */
async function nextChunk({ manager }: Context, { bucket }: BlobRef, { nuid }: ObjectInfo, seq: number) {
  const { direct, streams } = await manager();
  const [stream, query] = [objectStreamName(bucket), { seq, next_by_subj: chunkSubject(bucket, nuid) }];
  return (await direct.getMessage(stream, query)) ?? (await streams.getMessage(stream, query));
}

/** An object that was replaced or removed meanwhile is asked for again; an object with a hole is broken. */
async function lostChunk(context: Context, ref: BlobRef, { nuid, chunks }: ObjectInfo, index: number): Promise<Error> {
  const now = await (await context.open(ref.bucket)).info(ref.key);
  if (now?.nuid === nuid && !now.deleted) return corrupt(context, ref, `chunk ${index + 1} of ${chunks} is missing`);
  return unavailable(`${context.source}: object ${ref.bucket}/${ref.key} was replaced or removed while it was read`);
}

const corrupt = ({ source }: Context, { bucket, key }: BlobRef, why: string) =>
  new PipelineError('BLOB_CORRUPT', `${source}: object ${bucket}/${key}: ${why}`);

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
