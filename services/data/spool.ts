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

/** A split, or several as one set. */
export type Part = Split | readonly Split[];

export interface SpoolOptions<Parts extends readonly Part[] = readonly Part[]> {
  readonly manifest: DatasetManifest;
  readonly splits: Parts;
  /** Where the files go; who lends it removes them. */
  readonly folder: string;
  readonly blobs: BlobStore;
  readonly signal: AbortSignal;
  /** How much disk the decoded pixels of each split may take. */
  readonly cacheBytes: number;
}

/**
 * A set for each of the parts; the classes are the people who are learned, not those held out, whose probes are left out.
 * Throws BLOB_MISSING, BLOB_CORRUPT, or the signal's reason.
 */
export async function spoolSplits<const Parts extends readonly Part[]>(
  options: SpoolOptions<Parts>,
): Promise<{ -readonly [At in keyof Parts]: SpooledImages }> {
  const { manifest, splits, folder, blobs, signal } = options;
  const spools: Spool[] = [];
  const spoolOf = new Map<Split, Spool>();
  try {
    for (const part of splits.map((part) => [part].flat())) {
      const spool = await createSpool(part, options);
      spools.push(spool);
      for (const split of part) spoolOf.set(split, spool);
    }
    for await (const sample of samplesOf(manifest, [...spoolOf.keys()], folder, blobs, signal)) {
      // The samples are those of the splits alone.
      await spoolOf.get(sample.record.split)!.add(sample);
    }
    // As many as there are parts, in their order.
    return spools.map((spool) => spool.end()) as { -readonly [At in keyof Parts]: SpooledImages };
  } finally {
    for (const spool of spools) await spool.close();
  }
}

interface Spool {
  add(sample: ShardSample): Promise<void>;
  /** Throws BLOB_CORRUPT where samples are missing. */
  end(): SpooledImages;
  close(): Promise<void>;
}

async function createSpool(part: readonly Split[], { manifest, folder, cacheBytes }: SpoolOptions): Promise<Spool> {
  const { image } = manifest;
  const labels = learnedLabels(manifest);
  const count = part.reduce((sum, split) => sum + manifest.counts[split], 0);
  const classOf = classesOf(labels);
  const heldOut = new Set(manifest.heldOut);
  const [spoolPath, rawPath] = ['spool', 'raw'].map((kind) => join(folder, `${part.join('-')}.${kind}`)) as [
    string,
    string,
  ];
  const classes = new Int32Array(new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT));
  const positions = new Float64Array(new SharedArrayBuffer((2 * count + 1) * Float64Array.BYTES_PER_ELEMENT));
  const decoded = new Uint8Array(new SharedArrayBuffer(count));
  const keptMax = Math.floor(cacheBytes / (image.channels * image.height * image.width));
  const file = await open(spoolPath, 'w');
  await createEmpty(rawPath);
  let [filled, left] = [0, 0];
  return {
    async add({ png, record }) {
      if (filled + left === count) throw disagreeing(count);
      if (record.split === 'probe' && heldOut.has(record.label)) {
        left += 1;
        return;
      }
      const json = Buffer.from(JSON.stringify(record));
      classes[filled] = classOf(record.label);
      const at = positions[2 * filled]!;
      positions.set([at + png.length, at + png.length + json.length], 2 * filled + 1);
      await file.appendFile(Buffer.concat([png, json]));
      filled += 1;
    },
    end() {
      if (filled + left !== count) throw disagreeing(count);
      return {
        ...{ spec: image, labels, count: filled, spoolPath, rawPath, keptMax },
        classes: classes.subarray(0, filled),
        positions: positions.subarray(0, 2 * filled + 1),
        decoded: decoded.subarray(0, filled),
      };
    },
    close: () => file.close(),
  };
}

async function createEmpty(path: string): Promise<void> {
  const file = await open(path, 'w');
  await file.close();
}
