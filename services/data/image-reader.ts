/**
 * Reads the pixels of chosen images of a set, wherever they are: for batches, for validation, for whoever walks through
 * a set without holding it. An image on disk is decoded when it is first read and kept as pixels for every later pass,
 * for all threads. A thread's own reader; the thread waits while the disk answers, which is nearly always the page cache.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { SampleRecordSchema, type ImageSpec, type SampleRecord } from '../../contracts/dataset.ts';
import { decodeImage } from './images.ts';
import { mapInOrder } from '../../runtime/bounded.ts';
import type { ReadableImages, SpooledImages, TrainingImages } from './strategy.ts';

export interface ImageReader {
  /**
   * Writes the images at `indices`, one after the other, to `target`: [indices.length, channels, height, width].
   * Throws IMAGE_UNREADABLE.
   */
  read(indices: Int32Array, target: Uint8Array): Promise<void>;
  close(): void;
}

/** Images that one reader decodes at once: enough to keep the decoder's threads at work, whatever the batch. */
const DECODES_MAX = 4;

export function openImages(set: TrainingImages | ReadableImages): ImageReader {
  if ('read' in set) return { read: set.read, close: () => {} };
  return 'pixels' in set ? memoryReader(set) : spoolReader(set);
}

/** The pixels of a few images, one after the other. */
export async function readImages(
  set: TrainingImages | ReadableImages,
  indices: readonly number[],
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = openImages(set);
  try {
    const pixels = new Uint8Array(indices.length * imageBytesOf(set.spec));
    await reader.read(Int32Array.from(indices), pixels);
    return pixels;
  } finally {
    reader.close();
  }
}

export const imageBytesOf = ({ channels, height, width }: ImageSpec): number => channels * height * width;

function memoryReader({ pixels, spec }: Extract<TrainingImages, { pixels: unknown }>): ImageReader {
  const size = imageBytesOf(spec);
  return {
    async read(indices, target) {
      indices.forEach((index, place) => target.set(pixels.subarray(index * size, (index + 1) * size), place * size));
    },
    close: () => {},
  };
}

function spoolReader(set: SpooledImages): ImageReader {
  const { spec, decoded, keptMax } = set;
  const size = imageBytesOf(spec);
  const spool = openSync(set.spoolPath, 'r');
  const raw = openSync(set.rawPath, 'r+');
  const decode = async (place: number, index: number, target: Uint8Array) => {
    const [png, record] = readSample(set, spool, index);
    const pixels = await decodeImage(png, spec, `${record.source}/${record.id}`);
    target.set(pixels, place * size);
    if (index >= keptMax) return;
    writeFully(raw, pixels, index * size);
    Atomics.store(decoded, index, 1);
  };
  return {
    async read(indices, target) {
      const missing: number[] = [];
      indices.forEach((index, place) => {
        if (Atomics.load(decoded, index) === 0) missing.push(place);
        else readFully(raw, target.subarray(place * size, (place + 1) * size), index * size);
      });
      for await (const _ of mapInOrder(missing, DECODES_MAX, (place) => decode(place, indices[place]!, target)));
    },
    close() {
      closeSync(spool);
      closeSync(raw);
    },
  };
}

/** The stored image file and what is known of it. */
function readSample({ positions }: SpooledImages, spool: number, index: number): [png: Buffer, record: SampleRecord] {
  const [from, middle, to] = positions.subarray(2 * index, 2 * index + 3) as unknown as [number, number, number];
  const bytes = Buffer.allocUnsafe(to - from);
  readFully(spool, bytes, from);
  const json = bytes.toString('utf8', middle - from);
  return [bytes.subarray(0, middle - from), SampleRecordSchema.parse(JSON.parse(json))];
}

function readFully(file: number, target: Uint8Array, position: number): void {
  for (let done = 0; done < target.length;) {
    const read = readSync(file, target, done, target.length - done, position + done);
    if (read === 0) throw new Error(`a file of the dataset ends before byte ${position + target.length}`);
    done += read;
  }
}

function writeFully(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done, bytes.length - done, position + done);
}
