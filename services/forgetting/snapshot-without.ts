/**
 * Shards and manifests without somebody. A shard is read once to see who is in it, and written anew where the person is;
 * a manifest follows from that. Knows no store: the janitor fetches and keeps the files.
 */
import { createHash } from 'node:crypto';
import type { DatasetManifest, ImageSpec, SampleRecord } from '../../contracts/dataset.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { decodeImage } from '../data/images.ts';
import { readShard, writeShard, type ShardSample, type WrittenShard } from '../data/shards.ts';
import { pixelDigest } from './golden.ts';
import { jsonWithout, type Theirs } from './json-without.ts';

/** All that was found of a person; it grows from shard to shard. */
export interface PersonFound {
  /** Spellings of the name. */
  readonly names: Set<string>;
  /** sha256:<hex> of the pixels of images, and of their files as they were delivered. */
  readonly digests: Set<string>;
  /** Hex SHA-256 of stored PNG files. */
  readonly pngs: Set<string>;
  /** Hex SHA-256 of decoded pixels. */
  readonly pixels: Set<string>;
  readonly sources: Set<string>;
}

export const nothingFound = (): PersonFound => ({
  ...{ names: new Set(), digests: new Set(), pngs: new Set(), pixels: new Set(), sources: new Set() },
});

export const pngDigest = (png: Uint8Array): string => createHash('sha256').update(png).digest('hex');

/** The person's samples in a shard; notes what they are in `found`. Throws BLOB_CORRUPT, naming `what`. */
export async function lookThrough(
  path: string,
  what: string,
  isPerson: (name: string) => boolean,
  found: PersonFound,
): Promise<SampleRecord[]> {
  const theirs: SampleRecord[] = [];
  for await (const { record, png } of readShard(path, what)) {
    if (!isPerson(record.label)) continue;
    theirs.push(record);
    found.names.add(record.label);
    found.sources.add(record.source);
    found.digests.add(record.digest);
    if (record.file) found.digests.add(record.file);
    found.pngs.add(pngDigest(png));
    found.pixels.add(pixelDigest(await decodeImage(png, specOf(png), `${what} ${record.id}`)));
  }
  return theirs;
}

/** The size and colours that the PNG's header tells. */
function specOf(png: Buffer): ImageSpec {
  const GREY = 0;
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20), channels: png[25] === GREY ? 1 : 3 };
}

/** Null where nobody else is in it. */
export async function shardWithout(
  { from, to, what }: { readonly from: string; readonly to: string; readonly what: string },
  isPerson: (name: string) => boolean,
): Promise<(WrittenShard & { readonly samples: number }) | null> {
  let samples = 0;
  async function* others(): AsyncGenerator<ShardSample> {
    for await (const sample of readShard(from, what)) {
      if (isPerson(sample.record.label)) continue;
      samples += 1;
      yield sample;
    }
  }
  const written = await writeShard(to, others());
  return samples === 0 ? null : { ...written, samples };
}

/** A shard that held the person. */
export interface ChangedShard {
  readonly removed: readonly SampleRecord[];
  /** Null: nobody else was in it. */
  readonly now: { readonly blob: BlobRef; readonly samples: number } | null;
}

export interface ManifestChange {
  readonly isPerson: (name: string) => boolean;
  readonly theirs: Theirs;
  /** By digest of the shard. */
  readonly shards: ReadonlyMap<string, ChangedShard>;
  /** Lists of digests without the person's, by digest of the list. */
  readonly lists: ReadonlyMap<string, BlobRef>;
}

/**
 * The same manifest where the person is not in it. `content` stays what it was: it says what the net has learned, so the
 * next night counts as another one.
 */
export function manifestWithout(manifest: DatasetManifest, change: ManifestChange): DatasetManifest {
  const { isPerson, theirs, shards, lists } = change;
  const removed = manifest.shards.flatMap(({ blob }) => shards.get(blob.digest)?.removed ?? []);
  const others = (names: readonly string[]) => names.filter((name) => !isPerson(name));
  const { learned, counts } = manifest;
  const next: DatasetManifest = {
    ...manifest,
    labels: others(manifest.labels),
    ...(manifest.images && { images: imagesOf(manifest, others(manifest.labels)) }),
    heldOut: others(manifest.heldOut),
    strangers: others(manifest.strangers),
    counts: { ...counts, total: counts.total - removed.length },
    learned: learned && {
      people: others(learned.people),
      images: lists.get(learned.images.digest) ?? learned.images,
      ...(learned.picks && { picks: lists.get(learned.picks.digest) ?? learned.picks }),
      ...(learned.looks && { looks: learned.looks.map((ref) => lists.get(ref.digest) ?? ref) }),
    },
    shards: manifest.shards.flatMap((shard) => {
      const changed = shards.get(shard.blob.digest);
      if (!changed) return [shard];
      return changed.now ? [changed.now] : [];
    }),
    sources: manifest.sources.map((source) => {
      const fewer = removed.filter((record) => record.source === source.name).length;
      return { ...source, samples: source.samples - fewer };
    }),
    quarantined: jsonWithout(
      manifest.quarantined.filter(({ label }) => !isPerson(label)),
      theirs,
    ),
  };
  for (const { split } of removed) next.counts[split] -= 1;
  return JSON.stringify(next) === JSON.stringify(manifest) ? manifest : next;
}

const DIGEST_BYTES = 32;

/** A list of digests as services/data/learned.ts stores it. Null where none of the person's is in it. */
export function digestsWithout(list: Buffer, digests: ReadonlySet<string>): Buffer | null {
  const kept: Buffer[] = [];
  for (let at = 0; at < list.length; at += DIGEST_BYTES) {
    const digest = list.subarray(at, at + DIGEST_BYTES);
    if (!digests.has(`sha256:${digest.toString('hex')}`)) kept.push(digest);
  }
  return kept.length * DIGEST_BYTES === list.length ? null : Buffer.concat(kept);
}

/** The counts of those who stay: they stand in the order of the labels. */
function imagesOf({ labels, images = [] }: DatasetManifest, kept: readonly string[]): number[] {
  const stays = new Set(kept);
  return images.filter((_, at) => stays.has(labels[at]!)); // One count for each label.
}
