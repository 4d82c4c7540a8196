/**
 * From stored pixels to what a step trains on: z-normalised per image, mirrored, shifted, brightened, with a square cut
 * out at random. Shared by all strategies; decoding and resizing are sharp's (services/data/images.ts). This part is ours
 * because no image library works in floats after the normalisation, where brightness has to be changed: before it, the
 * change would be taken away again. The unit is one standard deviation of the image.
 */
import type { TrainingConfig } from '../../../contracts/configuration/training.ts';
import type { ImageSpec } from '../../../contracts/dataset.ts';
import type { NetInput } from '../nets/nets.ts';
import type { Random } from '../random.ts';

/** Added to the variance in squared grey levels: a blank image stays blank instead of becoming amplified noise. */
export const PIXEL_VARIANCE_EPSILON = 1;

export type Augment = TrainingConfig['augment'];

/** `images` from raw `pixels`, one after the other; both [count, channels, height, width]. */
export function augmentImages(
  pixels: Uint8Array,
  images: Float32Array,
  spec: ImageSpec,
  augment: Augment,
  random: Random,
): void {
  const size = imageSize({ spec });
  const normalised = new Float32Array(size);
  for (let from = 0; from < images.length; from += size) {
    zNormalise(pixels.subarray(from, from + size), normalised);
    distort(normalised, images.subarray(from, from + size), spec, augment, random);
  }
}

/** (x - mean) / sqrt(variance + epsilon) over all pixels and channels of one image, into `target`. */
export function zNormalise(pixels: Uint8Array, target: Float32Array): void {
  let sum = 0;
  let squares = 0;
  for (const pixel of pixels) {
    sum += pixel;
    squares += pixel * pixel;
  }
  const mean = sum / pixels.length;
  const scale = 1 / Math.sqrt(squares / pixels.length - mean * mean + PIXEL_VARIANCE_EPSILON);
  for (let i = 0; i < pixels.length; i++) target[i] = (pixels[i]! - mean) * scale;
}

/** The rows at `indices` of [rows, size] values. */
export function gather(values: Float32Array, size: number, indices: Int32Array): Float32Array {
  const rows = new Float32Array(indices.length * size);
  indices.forEach((row, place) => rows.set(values.subarray(row * size, (row + 1) * size), place * size));
  return rows;
}

export const imageSize = ({ spec }: { readonly spec: NetInput }): number => spec.width * spec.height * spec.channels;

/** Always draws the same count of random numbers, so that switching one distortion off leaves the others as they are. */
function distort(
  source: Float32Array,
  target: Float32Array,
  spec: ImageSpec,
  { flip, shiftPx, brightness, contrast, cutoutPx }: Augment,
  random: Random,
): void {
  const { width, height, channels } = spec;
  const mirrored = random() < 0.5 && flip;
  const dx = shift(random, shiftPx);
  const dy = shift(random, shiftPx);
  const gain = 1 + contrast * (2 * random() - 1);
  const lift = brightness * (2 * random() - 1);
  let position = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y++) {
      const row = (channel * height + clamp(y + dy, height)) * width;
      for (let x = 0; x < width; x++) {
        const column = clamp(x + dx, width);
        target[position++] = source[row + (mirrored ? width - 1 - column : column)]! * gain + lift;
      }
    }
  }
  cutOut(target, spec, cutoutPx, random);
}

/** A square of the image's mean, around any pixel, so that part of it may lie outside (arXiv:1708.04552). */
function cutOut(image: Float32Array, { width, height }: ImageSpec, side: number, random: Random): void {
  const left = Math.floor(random() * width) - (side >> 1);
  const top = Math.floor(random() * height) - (side >> 1);
  const [fromX, toX] = [Math.max(0, left), Math.min(width, left + side)];
  for (let plane = 0; plane < image.length; plane += width * height)
    for (let y = Math.max(0, top); y < Math.min(height, top + side); y++)
      image.fill(0, plane + y * width + fromX, plane + y * width + toX);
}

/** A whole number from -largest to largest. */
const shift = (random: Random, largest: number): number => Math.floor(random() * (2 * largest + 1)) - largest;

/** Pixels that a shift uncovers repeat the edge. */
const clamp = (value: number, size: number): number => Math.min(size - 1, Math.max(0, value));
