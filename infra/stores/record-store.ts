/**
 * JSON records in a KV bucket, checked against a schema and saved by compare-and-swap: checkpoints of runs,
 * deployments. A record's revisions are its time line. Knows nothing of what the records mean.
 */
import { hash } from 'node:crypto';
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import type { z } from 'zod';
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError, toFailure, type Failure } from '../../contracts/errors.ts';
import { wireBucket, wireClientOf } from '../messaging/jetstream.ts';
import { localName } from '../topology/namespace.ts';

export interface Stored<T> {
  readonly key: string;
  readonly value: T;
  /** As it lies in the store, before the schema has read it, less its checksum: what a signature is over. */
  readonly text: string;
  /** Grows with each save of any key in the bucket. */
  readonly revision: number;
  readonly savedAt: Date;
}

/** One revision, or why it cannot be read. */
export interface Revision<T> {
  readonly revision: number;
  readonly stored: Stored<T> | Failure;
}

export interface RecordStore<T> {
  /**
   * The record as it is now, or null. Read from the bucket's leader: never stale. This and the others throw
   * RECORD_DAMAGED for a record that is no JSON or does not fit.
   */
  load(key: string): Promise<Stored<T> | null>;
  /**
   * Saves if the stored revision is `expectedRevision` (0: there is no record), and returns the new revision. Throws
   * CHECKPOINT_CONFLICT, retryable, if somebody else saved first.
   */
  save(key: string, value: T, expectedRevision: number): Promise<number>;
  /** The revisions that the bucket keeps, oldest first; empty if there is no such record. */
  history(key: string): Promise<readonly Stored<T>[]>;
  /** The same, each with why it cannot be read, if it cannot. */
  revisions(key: string): Promise<readonly Revision<T>[]>;
  /** The keys that match, in no particular order. */
  keys(filter?: string): Promise<readonly string[]>;
  /** The records whose keys match `filter` (such as `run.>`; all without it), in no particular order. */
  list(filter?: string): Promise<readonly Stored<T>[]>;
  remove(key: string): Promise<void>;
  /** Calls back with every record that `filter` (a key, or `>`) matches, now and at each save. */
  watch(
    filter: string,
    onRecord: (record: Stored<T>) => void,
    /** Called for a record that cannot be read; without it such a record ends the watch. */
    onDamaged?: (failure: Failure) => void,
  ): Promise<Watch>;
}

export interface Watch {
  /** Resolves when the watch ended: after stop(), or with the connection. */
  readonly ended: Promise<void>;
  stop(): void;
}

export interface RecordStoreOptions<T> {
  readonly kv: KV;
  readonly schema: z.ZodType<T>;
}

/** Reads under way at once in list(): enough to hide the round trip, few enough to leave room for others. */
const LIST_CONCURRENCY = 32;

/**
 * Opens a bucket that the topology made; it may hold records of several kinds under different keys. Reads go to the
 * leader (`allow_direct: false`).
 */
export const openKv = (nc: NatsConnection, bucket: string): Promise<KV> =>
  new Kvm(wireClientOf(nc)).open(wireBucket(nc, bucket), { allow_direct: false });

export function createRecordStore<T>({ kv, schema }: RecordStoreOptions<T>): RecordStore<T> {
  const read = createReader(schema);
  const load = async (key: string) => {
    const entry = await kv.get(key);
    return entry === null || entry.operation !== 'PUT' ? null : read(entry);
  };
  return {
    load,
    save: (key, value, expectedRevision) => save(kv, key, bytesWithSum(JSON.stringify(value)), expectedRevision),
    history: async (key) => {
      const records: Stored<T>[] = [];
      for await (const entry of await kv.history({ key })) {
        if (entry.operation === 'PUT') records.push(parse(schema, entry));
      }
      return records;
    },
    revisions: async (key) => {
      const revisions: Revision<T>[] = [];
      for await (const entry of await kv.history({ key })) {
        if (entry.operation !== 'PUT') continue;
        revisions.push({ revision: entry.revision, stored: parsedOrFailure(schema, entry) });
      }
      return revisions;
    },
    keys: async (filter) => collect(await kv.keys(filter)),
    list: async (filter) => loadAll(await collect(await kv.keys(filter)), load),
    remove: (key) => kv.purge(key),
    watch: (filter, onRecord, onDamaged) =>
      watch(kv, filter, (entry) => {
        const stored = onDamaged ? parsedOrFailure(schema, entry) : parse(schema, entry);
        if ('code' in stored) onDamaged?.(stored);
        else onRecord(stored);
      }),
  };
}

async function save(kv: KV, key: string, body: Uint8Array, expectedRevision: number): Promise<number> {
  try {
    return await (expectedRevision === 0 ? kv.create(key, body) : kv.update(key, body, expectedRevision));
  } catch (cause) {
    if (!isConflict(cause)) throw unsaved(key, cause);
    const message = `${key}: somebody else saved it since revision ${expectedRevision}; load it and step again`;
    throw new PipelineError('CHECKPOINT_CONFLICT', message, { retryable: true, cause });
  }
}

/** Silence is of unknown outcome: another attempt loads first, and finds the record saved or not. */
const unsaved = (key: string, cause: unknown) =>
  new PipelineError('NATS_UNAVAILABLE', `${key}: could not be saved: ${String(cause)}`, { retryable: true, cause });

const CONFLICTS: readonly number[] = [
  JetStreamApiCodes.StreamWrongLastSequence,
  JetStreamApiCodes.StreamWrongLastSequenceUnknown,
];
const isConflict = (error: unknown) => error instanceof JetStreamApiError && CONFLICTS.includes(error.code);

async function watch(kv: KV, filter: string, onPut: (entry: KvEntry) => void): Promise<Watch> {
  const entries = await kv.watch({ key: filter, ignoreDeletes: true });
  const ended = (async () => {
    for await (const entry of entries) if (entry.operation === 'PUT') onPut(entry);
  })();
  return { ended, stop: () => entries.stop() };
}

/** Of the text that is kept for the next load: a hundred runs, or 250 pipelines. */
const REMEMBERED_CHARACTERS_MAX = 1024 * 1024;

/**
 * Reads entries, and each text of a key once: it is always asked for, but the same text is not checked again. A record is
 * never changed in place, so that all may have the same one.
 */
function createReader<T>(schema: z.ZodType<T>): (entry: KvEntry) => Stored<T> {
  /** By key; the one that was read longest ago comes first. */
  const remembered = new Map<string, { readonly whole: string; readonly stored: Stored<T> }>();
  let characters = 0;
  const forget = (key: string) => {
    characters -= remembered.get(key)?.whole.length ?? 0;
    remembered.delete(key);
  };
  return (entry) => {
    const { key, revision, created } = entry;
    const whole = entry.string();
    const known = remembered.get(key);
    forget(key);
    const stored =
      known?.whole === whole ? { ...known.stored, revision, savedAt: created } : parse(schema, entry, whole);
    remembered.set(key, { whole, stored });
    characters += whole.length;
    while (characters > REMEMBERED_CHARACTERS_MAX) forget(remembered.keys().next().value!); // There is a first one.
    return stored;
  };
}

function parse<T>(schema: z.ZodType<T>, entry: KvEntry, whole = entry.string()): Stored<T> {
  const { bucket, key, revision, created } = entry;
  const damaged = (why: string, cause?: unknown) =>
    new PipelineError('RECORD_DAMAGED', `${localName(bucket)}/${key} revision ${revision} ${why}`, { cause });
  const text = withoutSum(whole);
  if (text === null) throw damaged('is not the text that was saved: its checksum differs');
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (cause) {
    throw damaged(`is not JSON: ${(cause as Error).message}`, cause);
  }
  const parsed = schema.safeParse(raw);
  if (parsed.success) return { key, value: parsed.data, text, revision, savedAt: created };
  throw damaged(`does not fit this version of the program: ${describeIssues(parsed.error)}`);
}

function parsedOrFailure<T>(schema: z.ZodType<T>, entry: KvEntry): Stored<T> | Failure {
  try {
    return parse(schema, entry);
  } catch (error) {
    return toFailure(error);
  }
}

/**
 * A record ends in a checksum of the rest of its text, so that a bit that has turned is noticed although the text is still
 * JSON. It is no signature. Records of before 0.4.0 have none.
 */
const SUM = /,"sum":"([0-9a-f]{64})"\}$/;
const sumOf = (text: string | Uint8Array) => hash('sha256', text, 'hex');
const TAIL_BYTES = Buffer.byteLength(`,"sum":"${'0'.repeat(64)}"}`);

/** UTF-8, encoded once: a run has some 5 KB, and is saved eight times in a night. */
function bytesWithSum(text: string): Uint8Array {
  if (!text.endsWith('}')) return Buffer.from(text);
  const bytes = Buffer.byteLength(text);
  const body = Buffer.allocUnsafe(bytes - 1 + TAIL_BYTES);
  body.write(text);
  body.write(`,"sum":"${sumOf(body.subarray(0, bytes))}"}`, bytes - 1);
  return body;
}

/** Null if the checksum is that of another text. */
function withoutSum(stored: string): string | null {
  const found = SUM.exec(stored);
  if (!found) return stored;
  const text = `${stored.slice(0, found.index)}}`;
  return sumOf(text) === found[1] ? text : null;
}

/** The same record with another content, in order if it was: a damaged one must not become a good one. */
export function changedText(stored: string, change: (content: unknown) => unknown): string {
  const text = withoutSum(stored);
  const changed = JSON.stringify(change(JSON.parse(text ?? stored)));
  return text === null || text === stored ? changed : Buffer.from(bytesWithSum(changed)).toString();
}

async function collect(keys: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const key of keys) all.push(key);
  return all;
}

/** A key that was removed since the keys were listed is left out. */
export async function loadAll<T>(keys: readonly string[], load: (key: string) => Promise<Stored<T> | null>) {
  const records: Stored<T>[] = [];
  for (let start = 0; start < keys.length; start += LIST_CONCURRENCY) {
    const loaded = await Promise.all(keys.slice(start, start + LIST_CONCURRENCY).map(load));
    records.push(...loaded.filter((record) => record !== null));
  }
  return records;
}
