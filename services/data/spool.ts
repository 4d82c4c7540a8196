/**
 * Snapshot -> files for training: the images of a split one after the other, so that any of them is one read away,
 * whatever the size of the set. Nothing is decoded here: image-reader.ts does that when an image is first asked for.
 * Memory: 17 bytes per image, and one sample at a time. Called by the trainer.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { DatasetManifest, Split } from '../../contracts/dataset.ts';
import { classesOf, disagreeing, learnedLabels, samplesOf } from './load.ts';
import type { ShardSample } from './shards.ts';
import type { SpooledImages } from './strategy.ts';

export interface SpoolOptions<Splits extends readonly Split[] = readonly Split[]> {
  readonly manifest: DatasetManifest;
  readonly splits: Splits;
  /** Where the files go; who lends it removes them. */
  readonly folder: string;
  readonly blobs: BlobStore;
  readonly signal: AbortSignal;
  /** How much disk the decoded pixels of each split may take. */
  readonly cacheBytes: number;
}

/** A set for each of the splits; the classes are the people who are learned, not those held out. Throws BLOB_MISSING, BLOB_CORRUPT, or the signal's reason. */
export async function spoolSplits<const Splits extends readonly Split[]>(
  options: SpoolOptions<Splits>,
): Promise<{ -readonly [At in keyof Splits]: SpooledImages }> {
  const { manifest, splits, folder, blobs, signal } = options;
  const spools = new Map<Split, Spool>();
  try {
    for (const split of splits) spools.set(split, await createSpool(split, options));
    for await (const sample of samplesOf(manifest, splits, folder, blobs, signal)) {
      // The samples are those of the splits alone.
      await spools.get(sample.record.split)!.add(sample);
    }
    // As many as there are splits, in their order: a Map keeps it.
    return [...spools.values()].map((spool) => spool.end()) as { -readonly [At in keyof Splits]: SpooledImages };
  } finally {
    for (const spool of spools.values()) await spool.close();
  }
}

interface Spool {
  add(sample: ShardSample): Promise<void>;
  /** Throws BLOB_CORRUPT where samples are missing. */
  end(): SpooledImages;
  close(): Promise<void>;
}

async function createSpool(split: Split, { manifest, folder, cacheBytes }: SpoolOptions): Promise<Spool> {
  const { image } = manifest;
  const labels = learnedLabels(manifest);
  const count = manifest.counts[split];
  const classOf = classesOf(labels);
  const [spoolPath, rawPath] = [join(folder, `${split}.spool`), join(folder, `${split}.raw`)];
  const classes = new Int32Array(new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT));
  const positions = new Float64Array(new SharedArrayBuffer((2 * count + 1) * Float64Array.BYTES_PER_ELEMENT));
  const decoded = new Uint8Array(new SharedArrayBuffer(count));
  const keptMax = Math.floor(cacheBytes / (image.channels * image.height * image.width));
  const file = await open(spoolPath, 'w');
  await createEmpty(rawPath);
  let filled = 0;
  return {
    async add({ png, record }) {
      if (filled === count) throw disagreeing(count);
      const json = Buffer.from(JSON.stringify(record));
      classes[filled] = classOf(record.label);
      const at = positions[2 * filled]!;
      positions.set([at + png.length, at + png.length + json.length], 2 * filled + 1);
      await file.appendFile(Buffer.concat([png, json]));
      filled += 1;
    },
    end() {
      if (filled !== count) throw disagreeing(count);
      return { spec: image, classes, labels, count, spoolPath, positions, rawPath, decoded, keptMax };
    },
    close: () => file.close(),
  };
}

async function createEmpty(path: string): Promise<void> {
  const file = await open(path, 'w');
  await file.close();
}
