/**
 * Snapshot -> memory, for verification: the manifest, and the images of chosen splits as one array. Shards are fetched
 * one at a time into a temporary folder, checked by digest, and read as streams. Training reads spool.ts instead.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore } from '../../contracts/blobs.ts';
import { PipelineError } from '../../contracts/errors.ts';
import {
  DatasetManifestSchema,
  type DatasetManifest,
  type ImageSpec,
  type SampleRecord,
  type Split,
} from '../../contracts/dataset.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { decodeImage } from './images.ts';
import { mapInOrder } from '../../runtime/bounded.ts';
import { withScratch } from '../../runtime/scratch.ts';
import { readShard, type ShardSample } from './shards.ts';
import type { LoadedImages } from './strategy.ts';

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

/**
 * The images of the given splits, in the order of the snapshot. Class numbers are indices into `manifest.labels`, those of
 * strangers into `manifest.strangers`; so strangers are loaded alone. Holds count x channels x height x width bytes.
 * Throws BLOB_MISSING, BLOB_CORRUPT, or the signal's reason.
 */
export function loadSplits(
  manifest: DatasetManifest,
  splits: readonly Split[],
  blobs: BlobStore,
  signal: AbortSignal,
): Promise<LoadedImages> {
  const { image } = manifest;
  const labels = labelsOf(manifest, splits);
  const count = splits.reduce((sum, split) => sum + manifest.counts[split], 0);
  const decode = async ({ png, record }: ShardSample) => ({
    record,
    pixels: await decodeImage(png, image, idOf(record)),
  });
  return withScratch(async (folder) => {
    const filling = fillImages(image, labels, count);
    for await (const sample of mapInOrder(samplesOf(manifest, splits, folder, blobs, signal), DECODES_MAX, decode))
      filling.add(sample);
    return filling.end();
  });
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

function fillImages(spec: ImageSpec, labels: readonly string[], count: number) {
  const area = spec.channels * spec.height * spec.width;
  const pixels = new Uint8Array(count * area);
  const classes = new Int32Array(count);
  const ids: string[] = [];
  const tags: string[][] = [];
  const classOf = classesOf(labels);
  return {
    add(sample: { readonly record: SampleRecord; readonly pixels: Uint8Array }): void {
      const { record } = sample;
      if (ids.length === count) throw disagreeing(count);
      pixels.set(sample.pixels, ids.length * area);
      classes[ids.length] = classOf(record.label);
      ids.push(idOf(record));
      tags.push([`source: ${record.source}`, ...record.tags]);
    },
    end(): LoadedImages {
      if (ids.length !== count) throw disagreeing(count);
      return { spec, pixels, classes, labels, count, ids, tags };
    },
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
