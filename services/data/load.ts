/**
 * Snapshot -> images for verification: the manifest, and the pixels of chosen splits in files. Shards are fetched one at a
 * time into a temporary folder, checked by digest, and read as streams. Training reads spool.ts instead.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore } from '../../contracts/blobs.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { DatasetManifestSchema, type DatasetManifest, type SampleRecord, type Split } from '../../contracts/dataset.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { decodeImage } from './images.ts';
import { mapInOrder } from '../../runtime/bounded.ts';
import { withScratch } from '../../runtime/scratch.ts';
import { readShard, type ShardSample } from './shards.ts';
import { imageBytesOf } from './image-reader.ts';
import { createPixelFile } from './pixel-file.ts';
import type { LoadedImages, ReadableImages } from './strategy.ts';

/** PNGs that are decoded at once; small ones, so this is about keeping the decoder threads at work. */
const DECODES_MAX = 8;

/** Throws BLOB_MISSING, or BLOB_CORRUPT when the bytes are no dataset manifest. */
export async function readManifest(ref: BlobRef, blobs: BlobStore): Promise<DatasetManifest> {
  const bytes = await blobs.get(ref);
  try {
    return DatasetManifestSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    const why = `not a dataset manifest (${(cause as Error).message})`;
    throw new PipelineError('BLOB_CORRUPT', `${ref.bucket}/${ref.key}: ${why}`, { cause });
  }
}

/** The parts of a snapshot that are wanted, by name. */
export type Parts = Readonly<Record<string, readonly Split[]>>;

/**
 * Lends the images of the given splits, in the order of the snapshot, and removes their file whatever happens: it takes
 * count x channels x height x width bytes of the disk. Class numbers are indices into `manifest.labels`, those of strangers
 * into `manifest.strangers`; so strangers are a part of their own, and no split is in two. Throws BLOB_MISSING, BLOB_CORRUPT,
 * DISK_FULL, or the signal's reason.
 */
export async function withSplits<const Wanted extends Parts, Result>(
  manifest: DatasetManifest,
  wanted: Wanted,
  { blobs, signal }: { readonly blobs: BlobStore; readonly signal: AbortSignal },
  use: (parts: { readonly [Name in keyof Wanted]: LoadedImages & ReadableImages }) => Promise<Result>,
): Promise<Result> {
  return withScratch(async (folder) => {
    const fillings = new Map<string, Filling>();
    try {
      for (const [name, splits] of Object.entries(wanted))
        fillings.set(name, await fillImages(manifest, splits, join(folder, `${name}.pixels`)));
      await fillAll(
        manifest,
        wanted,
        fillings,
        samplesOf(manifest, Object.values(wanted).flat(), folder, blobs, signal),
      );
      const parts = [...fillings].map(([name, filling]) => [name, filling.end()] as const);
      // One for each that is wanted, by its name.
      return await use(Object.fromEntries(parts) as { [Name in keyof Wanted]: LoadedImages & ReadableImages });
    } finally {
      for (const filling of fillings.values()) await filling.close();
    }
  });
}

async function fillAll(
  { image }: DatasetManifest,
  wanted: Parts,
  fillings: ReadonlyMap<string, Filling>,
  samples: AsyncIterable<ShardSample>,
): Promise<void> {
  const partOf = new Map(Object.entries(wanted).flatMap(([name, splits]) => splits.map((split) => [split, name])));
  const decode = async ({ png, record }: ShardSample) => ({
    record,
    pixels: await decodeImage(png, image, idOf(record)),
  });
  for await (const sample of mapInOrder(samples, DECODES_MAX, decode)) {
    // The samples are those of the splits alone.
    await fillings.get(partOf.get(sample.record.split)!)!.add(sample);
  }
}

/** The classes of training: everybody enrolled who is not held out. */
export function learnedLabels({ labels, heldOut }: DatasetManifest): string[] {
  const unseen = new Set(heldOut);
  return labels.filter((label) => !unseen.has(label));
}

/** People and strangers are two label spaces: one set of images has classes of one of them. */
function labelsOf({ labels, strangers }: DatasetManifest, splits: readonly Split[]): readonly string[] {
  const ofStrangers = splits.filter((split) => split === 'stranger').length;
  if (ofStrangers > 0 && ofStrangers < splits.length)
    throw new Error('strangers are loaded apart from who is enrolled');
  return ofStrangers > 0 ? strangers : labels;
}

interface Filling {
  add(sample: { readonly record: SampleRecord; readonly pixels: Uint8Array }): Promise<void>;
  /** Throws BLOB_CORRUPT where samples are missing. */
  end(): LoadedImages & ReadableImages;
  close(): Promise<void>;
}

async function fillImages(manifest: DatasetManifest, splits: readonly Split[], path: string): Promise<Filling> {
  const spec = manifest.image;
  const labels = labelsOf(manifest, splits);
  const count = splits.reduce((sum, split) => sum + manifest.counts[split], 0);
  const classes = new Int32Array(count);
  const ids: string[] = [];
  const tags: (readonly string[])[] = [];
  const [classOf, shared] = [classesOf(labels), sharedLists()];
  const { append, read, close } = await createPixelFile(path, imageBytesOf(spec));
  return {
    async add({ record, pixels }) {
      if (ids.length === count) throw disagreeing(count);
      classes[ids.length] = classOf(record.label);
      ids.push(idOf(record));
      tags.push(shared([`source: ${record.source}`, ...record.tags]));
      await append(pixels);
    },
    end() {
      if (ids.length !== count) throw disagreeing(count);
      return { spec, read, classes, labels, count, ids, tags };
    },
    close,
  };
}

/** The first of equal lists each time: of a hundred thousand images few have tags of their own. */
function sharedLists(): (list: readonly string[]) => readonly string[] {
  const lists = new Map<string, readonly string[]>();
  return (list) => {
    const key = JSON.stringify(list);
    const first = lists.get(key) ?? list;
    lists.set(key, first);
    return first;
  };
}

/** The samples of the chosen splits in the order of the snapshot; `folder` holds one shard at a time. */
export async function* samplesOf(
  { shards }: DatasetManifest,
  splits: readonly Split[],
  folder: string,
  blobs: BlobStore,
  signal: AbortSignal,
): AsyncGenerator<ShardSample> {
  const path = join(folder, 'shard.tar');
  for (const { blob } of shards) {
    signal.throwIfAborted();
    await blobs.download(blob, path);
    for await (const sample of readShard(path, `${blob.bucket}/${blob.key}`)) {
      signal.throwIfAborted();
      if (splits.includes(sample.record.split)) yield sample;
    }
  }
  await rm(path, { force: true });
}

/** Class number of a label. Throws BLOB_CORRUPT for a person that the manifest does not list. */
export function classesOf(labels: readonly string[]): (label: string) => number {
  const classes = new Map(labels.map((label, index) => [label, index]));
  return (label) => {
    const number = classes.get(label);
    if (number !== undefined) return number;
    throw new PipelineError('BLOB_CORRUPT', `dataset: its shards hold ${label}, whom its manifest does not list`);
  };
}

const idOf = ({ source, id }: SampleRecord) => `${source}/${id}`;

export const disagreeing = (count: number) =>
  new PipelineError('BLOB_CORRUPT', `dataset: its shards do not hold the ${count} samples that its manifest counts`);
