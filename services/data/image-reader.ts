/**
 * Reads the pixels of chosen images of a set, wherever they are: for batches, for validation, for whoever walks through
 * a set without holding it.
 */
import type { LabelledImages } from './strategy.ts';

export interface ImageReader {
  /** Writes the images at `indices`, one after the other, to `target`: [indices.length, channels, height, width]. */
  read(indices: Int32Array, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export async function openImages(set: LabelledImages): Promise<ImageReader> {
  return memoryReader(set);
}

function memoryReader({ pixels, spec }: LabelledImages): ImageReader {
  const size = spec.channels * spec.height * spec.width;
  return {
    async read(indices, target) {
      indices.forEach((index, place) => target.set(pixels.subarray(index * size, (index + 1) * size), place * size));
    },
    close: async () => {},
  };
}
