/**
 * The shards of the champion's snapshot that tonight's snapshot has as well: those of which every sample is tonight's, with
 * the same record and the same pixels. What is new goes into shards of its own, so a night stores what it adds; a shard with
 * a sample that changed or left is written anew without it. Called by snapshot.ts.
 */
import { rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { DatasetManifest, SampleRecord } from '../../contracts/dataset.ts';
import { isGone } from './learned.ts';
import type { ResolvedSample } from './resolve.ts';
import { SHARD_SAMPLES_MIN } from './shard-plan.ts';
import { readShard } from './shards.ts';

type Shard = DatasetManifest['shards'][number];

export interface Tonight {
  readonly samples: readonly ResolvedSample[];
  recordOf(sample: ResolvedSample): SampleRecord;
  readPng(sample: ResolvedSample): Promise<Buffer>;
}

export interface Kept {
  readonly shards: readonly Shard[];
  /** In no shard yet, in tonight's order. */
  readonly fresh: readonly ResolvedSample[];
}

/** Each night may add a shard of a few samples to each source; so many of them are merged into larger ones. */
const SMALL_MAX = 16;

/** `path`: of a file for one shard at a time. */
export async function keepShards(
  before: DatasetManifest,
  tonight: Tonight,
  { blobs, path, signal }: { readonly blobs: BlobStore; readonly path: string; readonly signal: AbortSignal },
): Promise<Kept> {
  const byDigest = new Map(tonight.samples.map((sample) => [sample.digest, sample]));
  const found: { readonly shard: Shard; readonly digests: readonly string[]; readonly source: string }[] = [];
  for (const shard of before.shards) {
    signal.throwIfAborted();
    const records = await recordsIfSame(shard, byDigest, tonight, blobs, path);
    const [first] = records ?? [];
    if (records && first) found.push({ shard, digests: records.map(({ digest }) => digest), source: first.source });
  }
  await rm(path, { force: true });
  const isSmall = ({ digests }: (typeof found)[number]) => digests.length < SHARD_SAMPLES_MIN;
  const smallOf = (name: string) => found.filter((it) => isSmall(it) && it.source === name).length;
  const kept = found.filter((it) => !isSmall(it) || smallOf(it.source) <= SMALL_MAX);
  const stored = new Set(kept.flatMap(({ digests }) => digests));
  return {
    shards: kept.map(({ shard }) => shard),
    fresh: tonight.samples.filter(({ digest }) => !stored.has(digest)),
  };
}

/**
 * All shards of a snapshot of the same content, if they are there: none has to be read then. A snapshot out of which somebody
 * was taken still says the content that it had, and has fewer samples.
 */
export async function allShards(
  before: DatasetManifest,
  content: string,
  samples: number,
  blobs: BlobStore,
): Promise<readonly Shard[] | null> {
  const stored = before.shards.reduce((sum, shard) => sum + shard.samples, 0);
  if (before.content !== content || stored !== samples) return null;
  for (const { blob } of before.shards)
    if ((await blobs.find(blob.bucket, blob.key))?.digest !== blob.digest) return null;
  return before.shards;
}

/** Null at the first sample that differs, and of a shard that is gone or broken. */
async function recordsIfSame(
  { blob }: Shard,
  byDigest: ReadonlyMap<string, ResolvedSample>,
  { recordOf, readPng }: Tonight,
  blobs: BlobStore,
  path: string,
): Promise<SampleRecord[] | null> {
  const records: SampleRecord[] = [];
  try {
    await blobs.download(blob, path);
    for await (const { record, png } of readShard(path, blob.key)) {
      const sample = byDigest.get(record.digest);
      if (!sample || !isDeepStrictEqual(record, recordOf(sample))) return null;
      if (!png.equals(await readPng(sample))) return null;
      records.push(record);
    }
    return records;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}
