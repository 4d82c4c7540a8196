/**
 * What the janitor needs to delete what nothing refers to: all objects with their age, the records that may refer to them,
 * the sizes of streams by the server's count, and a deletion that gives way to whoever wants the object again.
 */
import { type StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { BlobBucket } from '../../contracts/blobs.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { faultPoint } from '../../runtime/fault-points.ts';
import { askAgain } from '../messaging/ask-again.ts';
import { managerOf, type Manager } from '../messaging/jetstream.ts';
import { kvStreamName, kvSubject, metaSubjects, objectStreamName, streamsOf } from '../topology/streams.ts';
import { eraseVersion } from './eraser.ts';
import { refOf, renewMeta, storedMeta, type StoredMeta } from './object-meta.ts';

/** An object as it was when it was looked at. */
export interface Stocked {
  readonly ref: BlobRef;
  /** When it was stored, or used again. By the server's clock. */
  readonly storedAt: Date;
  readonly stored: StoredMeta;
}

export interface Stock {
  readonly objects: readonly Stocked[];
  /** Of deleted objects, whose bytes may still be there: where a deletion was interrupted. */
  readonly remains: readonly Stocked[];
}

export interface StreamSize {
  readonly name: string;
  readonly messages: number;
  readonly bytes: number;
}

export interface Sweeper {
  stock(bucket: BlobBucket): Promise<Stock>;
  /** False, and nothing is deleted, if the object was stored or used again since it was looked at. */
  remove(object: Stocked): Promise<boolean>;
  /** Takes the rest of a deleted object off the disk. */
  clear(object: Stocked): Promise<void>;
  /** Keys of a KV bucket with how many revisions each has. */
  keys(bucket: string, filter: string): Promise<ReadonlyMap<string, number>>;
  /** Null if there is none. */
  record(bucket: string, key: string): Promise<unknown>;
  sizes(): Promise<readonly StreamSize[]>;
}

const TIMEOUT_MS = 10_000;
/** Questions to the server at once. */
const ASKED_MAX = 16;

export async function createSweeper(nc: NatsConnection): Promise<Sweeper> {
  const manager = await managerOf(nc, { timeout: TIMEOUT_MS });
  return {
    stock: (bucket) => stock(manager, bucket),
    remove: (object) => remove(nc, manager, object),
    clear: ({ ref, stored }) => eraseVersion(manager, ref.bucket, stored),
    keys: async (bucket, filter) => {
      const counts = await subjectsOf(manager, kvStreamName(bucket), kvSubject(bucket, filter));
      const from = kvSubject(bucket, '').length;
      return new Map([...counts].map(([subject, count]) => [subject.slice(from), count]));
    },
    record: async (bucket, key) => recordIn(await last(manager, kvStreamName(bucket), kvSubject(bucket, key))),
    sizes: () => sizes(manager),
  };
}

async function subjectsOf(manager: Manager, stream: string, filter: string): Promise<ReadonlyMap<string, number>> {
  const { state } = await askAgain(stream, () => manager.streams.info(stream, { subjects_filter: filter }));
  return new Map(Object.entries(state.subjects ?? {}));
}

const last = (manager: Manager, stream: string, subject: string): Promise<StoredMsg | null> =>
  askAgain(subject, () => manager.streams.getMessage(stream, { last_by_subj: subject }));

function recordIn(message: StoredMsg | null): unknown {
  if (message === null || message.data.length === 0) return null;
  return message.json();
}

async function stock(manager: Manager, bucket: BlobBucket): Promise<Stock> {
  const stream = objectStreamName(bucket);
  const subjects = [...(await subjectsOf(manager, stream, metaSubjects(bucket))).keys()];
  const found = await mapped(subjects, (subject) => last(manager, stream, subject));
  const all = found.flatMap((message): Stocked[] => {
    if (message === null) return []; // It went meanwhile.
    const stored = storedMeta(message);
    return [{ ref: refOf(bucket, stored.meta), storedAt: stored.storedAt, stored }];
  });
  const isDeleted = ({ stored }: Stocked) => stored.meta.deleted;
  return { objects: all.filter((it) => !isDeleted(it)), remains: all.filter(isDeleted) };
}

async function mapped<T, U>(items: readonly T[], work: (item: T) => Promise<U>): Promise<U[]> {
  const done: U[] = [];
  for (let from = 0; from < items.length; from += ASKED_MAX)
    done.push(...(await Promise.all(items.slice(from, from + ASKED_MAX).map(work))));
  return done;
}

/**
 * First it is marked as deleted, if it is still what was looked at: from then on nobody finds it. Then its bytes go, then the
 * mark. A kill between leaves the mark, by which the next sweep finds the bytes.
 */
async function remove(nc: NatsConnection, manager: Manager, { ref, stored }: Stocked): Promise<boolean> {
  const meta = { ...stored.meta, deleted: true, size: 0, chunks: 0, digest: '' };
  const sequence = await askAgain(ref.key, () => renewMeta(nc, stored, meta));
  if (sequence === null) return false;
  faultPoint('janitor.condemned', ref.key);
  await eraseVersion(manager, ref.bucket, { sequence, meta: stored.meta });
  faultPoint('janitor.swept', ref.key);
  return true;
}

async function sizes(manager: Manager): Promise<StreamSize[]> {
  const names = streamsOf({ replicas: 1 }).map(({ name }) => name);
  return mapped(names, async (name) => {
    const { state } = await askAgain(name, () => manager.streams.info(name));
    return { name, messages: state.messages, bytes: state.bytes };
  });
}

/** Buckets of objects. */
export const OBJECT_BUCKETS: readonly BlobBucket[] = [BUCKETS.datasets, BUCKETS.models, BUCKETS.reports];
