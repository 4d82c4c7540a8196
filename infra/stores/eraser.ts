/**
 * Takes messages and objects off the disk: nats-server overwrites the bytes of a message that is deleted by its sequence,
 * and leaves those of one that is purged or replaced. Used by the janitor, and for images of a removed person.
 */
import { createHash } from 'node:crypto';
import { JetStreamApiError, type StoredMsg } from '@nats-io/jetstream';
import { nuid, type NatsConnection } from '@nats-io/nats-core';
import type { BlobBucket } from '../../contracts/blobs.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { askAgain } from '../messaging/ask-again.ts';
import { clientOf, managerOf, type Manager } from '../messaging/jetstream.ts';
import { chunkSubject, metaSubject, metaSubjects, objectStreamName, paddedBase64Url } from '../topology/streams.ts';
import { refOf, storedMeta, type StoredMeta } from './object-meta.ts';

export interface Eraser {
  /** The messages of a stream that match `filter`, oldest first, as they are at that time. */
  messages(stream: string, filter: string): AsyncGenerator<StoredMsg>;
  /** False if the stream does not allow it: those of KV buckets that were made before 0.4.0. */
  eraseMessage(stream: string, sequence: number): Promise<boolean>;
  /** Every object that is stored, and erases what is left of versions before, where an eraser was interrupted. */
  objects(bucket: BlobBucket): Promise<readonly BlobRef[]>;
  /** Writes it under its key, then erases the bytes that were there. Readers find one or the other. */
  replaceObject(ref: BlobRef, bytes: Uint8Array): Promise<void>;
  eraseObject(ref: Pick<BlobRef, 'bucket' | 'key'>): Promise<void>;
  /**
   * Uploads that were interrupted before `before`: bytes that no object has. Answers how many there are; erases them unless
   * `isDry`.
   */
  eraseFragments(bucket: BlobBucket, before: Date, options: { readonly isDry: boolean }): Promise<number>;
}

const CHUNK_BYTES = 512 * 1024;
const TIMEOUT_MS = 10_000;

export async function createEraser(nc: NatsConnection): Promise<Eraser> {
  const manager = await managerOf(nc, { timeout: TIMEOUT_MS });
  return {
    messages: (stream, filter) => messages(manager, stream, filter),
    eraseMessage: (stream, sequence) => eraseMessage(manager, stream, sequence),
    objects: (bucket) => objects(manager, bucket),
    replaceObject: (ref, bytes) => replaceObject(nc, manager, ref, bytes),
    eraseObject: async ({ bucket, key }) => {
      for (const old of await metas(manager, bucket, metaSubject(bucket, key)))
        await eraseVersion(manager, bucket, old);
    },
    eraseFragments: (bucket, before, options) => eraseFragments(manager, bucket, before, options),
  };
}

export async function* messages(manager: Manager, stream: string, filter: string): AsyncGenerator<StoredMsg> {
  for (let next = 1; ;) {
    const query = { seq: next, next_by_subj: filter };
    const found = await askAgain(`${stream} from ${next}`, () => manager.streams.getMessage(stream, query));
    if (found === null) return;
    yield found;
    next = found.seq + 1;
  }
}

/** The server tells these apart by its words alone. */
const GONE = /no message found|deleted message/i;
const DENIED = /not permitted/i;

export async function eraseMessage(manager: Manager, stream: string, sequence: number): Promise<boolean> {
  try {
    // `true`: the server overwrites the bytes.
    await askAgain(`${stream} ${sequence}`, () => manager.streams.deleteMessage(stream, sequence, true));
    return true;
  } catch (error) {
    if (!(error instanceof JetStreamApiError)) throw error;
    if (GONE.test(error.message)) return true;
    if (DENIED.test(error.message)) return false;
    throw error;
  }
}

async function metas(manager: Manager, bucket: BlobBucket, filter: string): Promise<StoredMeta[]> {
  const found: StoredMeta[] = [];
  for await (const message of messages(manager, objectStreamName(bucket), filter)) found.push(storedMeta(message));
  return found;
}

async function objects(manager: Manager, bucket: BlobBucket): Promise<readonly BlobRef[]> {
  const latest = new Map<string, StoredMeta>();
  for (const stored of await metas(manager, bucket, metaSubjects(bucket))) {
    const before = latest.get(stored.subject);
    if (before) await eraseVersion(manager, bucket, before);
    latest.set(stored.subject, stored);
  }
  return [...latest.values()].flatMap(({ meta }) => (meta.deleted ? [] : [refOf(bucket, meta)]));
}

/** The bytes first: an interrupted one is found again by its description. */
export async function eraseVersion(
  manager: Manager,
  bucket: BlobBucket,
  { sequence, meta }: Pick<StoredMeta, 'sequence' | 'meta'>,
): Promise<void> {
  const stream = objectStreamName(bucket);
  for await (const { seq } of messages(manager, stream, chunkSubject(bucket, meta.nuid))) {
    await eraseMessage(manager, stream, seq);
  }
  await eraseMessage(manager, stream, sequence);
}

async function eraseFragments(
  manager: Manager,
  bucket: BlobBucket,
  before: Date,
  { isDry }: { readonly isDry: boolean },
): Promise<number> {
  const stream = objectStreamName(bucket);
  const { state } = await manager.streams.info(stream, { subjects_filter: chunkSubject(bucket, '>') });
  const known = new Set((await metas(manager, bucket, metaSubjects(bucket))).map(({ meta }) => meta.nuid));
  const loose = Object.keys(state.subjects ?? {}).filter((subject) => !known.has(subject.split('.').at(-1)!));
  let fragments = 0;
  for (const subject of loose) {
    // One that was begun a moment ago is under way.
    const first = await messages(manager, stream, subject).next();
    if (first.done || first.value.time >= before) continue;
    fragments += 1;
    if (isDry) continue;
    for await (const { seq } of messages(manager, stream, subject)) await eraseMessage(manager, stream, seq);
  }
  return fragments;
}

/** Not by the client, whose `put` purges what was there: those bytes would stay on the disk. */
async function replaceObject(nc: NatsConnection, manager: Manager, ref: BlobRef, bytes: Uint8Array) {
  const { bucket, key } = ref;
  const subject = metaSubject(bucket, key);
  const before = await metas(manager, bucket, subject);
  const { meta, sequence } = before.at(-1) ?? {};
  if (!meta || sequence === undefined) throw new Error(`${bucket}/${key} is gone, and so cannot be replaced`);
  const id = nuid.next();
  const publish = (to: string, body: Uint8Array, expected?: number) =>
    clientOf(nc).publish(to, body, {
      timeout: TIMEOUT_MS,
      ...(expected === undefined ? {} : { expect: { lastSubjectSequence: expected } }),
    });
  let chunks = 0;
  for (let from = 0; from < bytes.length; from += CHUNK_BYTES, chunks++) {
    await publish(chunkSubject(bucket, id), bytes.subarray(from, from + CHUNK_BYTES));
  }
  const digest = `SHA-256=${paddedBase64Url(createHash('sha256').update(bytes).digest())}`;
  const written = { ...meta, nuid: id, size: bytes.length, chunks, digest, mtime: new Date().toISOString() };
  await publish(subject, Buffer.from(JSON.stringify(written)), sequence);
  for (const old of before) await eraseVersion(manager, bucket, old);
}
