/**
 * The port through which services read and write large things. infra/ implements it over NATS object stores;
 * tests may use a folder. Content is checked against its digest at both ends.
 */
import type { Readable } from 'node:stream';
import type { BlobRef } from './references.ts';

export type BlobBucket = BlobRef['bucket'];

/** All that a replica needs of it. */
export type BlobReader = Pick<BlobStore, 'get'>;

export interface BlobStore {
  /**
   * Stores bytes under `key` and returns the reference with their SHA-256. Putting the same key again replaces it. A
   * stream is not held in memory; it is opened anew for each attempt. Throws NATS_UNAVAILABLE (retryable) if the store
   * does not answer.
   */
  put(bucket: BlobBucket, key: string, content: Uint8Array | (() => Readable)): Promise<BlobRef>;
  /**
   * The whole object; if people were taken out of it since it was stored (docs/forgetting.md), what is left of it. Throws
   * BLOB_MISSING, or BLOB_CORRUPT if the bytes do not match the digest.
   */
  get(ref: BlobRef): Promise<Buffer>;
  /** The object as a file at `path`, written beside it and renamed when its digest was checked; for large objects. */
  download(ref: BlobRef, path: string): Promise<void>;
  /** The latest object under a key, or null. */
  find(bucket: BlobBucket, key: string): Promise<BlobRef | null>;
  /**
   * The object under a key if it has this digest, made as young as a new one: the janitor leaves it to the record that will
   * refer to it. Null if it is not there; then it has to be put.
   */
  reuse(bucket: BlobBucket, key: string, digest: string): Promise<BlobRef | null>;
  /** Whether `get` would answer. */
  holds(ref: BlobRef): Promise<boolean>;
  remove(bucket: BlobBucket, key: string): Promise<void>;
}
