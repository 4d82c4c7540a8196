/**
 * From stored pixels to a training batch: z-normalised per image, mirrored, shifted, brightened at random. Shared by
 * all strategies. Shifts and brightness come after the normalisation, in its unit of one standard deviation, because
 * before it a change of brightness would be taken away again.
 */
import type { TrainingConfig } from '../../contracts/pipeline.ts';
import type { LabelledImages } from '../data/strategy.ts';
import type { Random } from './random.ts';

/** Added to the variance in squared grey levels: a blank image stays blank instead of becoming amplified noise. */
export const PIXEL_VARIANCE_EPSILON = 1;

export interface Batch {
  /** [count, channels, height, width] */
  readonly images: Float32Array;
  readonly classes: Int32Array;
}

/** The images at `indices`, augmented. */
export function makeBatch(
  set: LabelledImages,
  indices: Int32Array,
  augment: TrainingConfig['augment'],
  random: Random,
): Batch {
  const size = imageSize(set);
  const images = new Float32Array(indices.length * size);
  const normalised = new Float32Array(size);
  for (const [position, index] of indices.entries()) {
    zNormalise(set.pixels.subarray(index * size, (index + 1) * size), normalised);
    distort(normalised, images.subarray(position * size, (position + 1) * size), set.spec, augment, random);
  }
  return { images, classes: indices.map((index) => set.classes[index]!) };
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

export const imageSize = ({ spec }: Pick<LabelledImages, 'spec'>): number => spec.width * spec.height * spec.channels;

/** Always draws the same count of random numbers, so that switching one distortion off leaves the others as they are. */
function distort(
  source: Float32Array,
  target: Float32Array,
  { width, height, channels }: LabelledImages['spec'],
  augment: TrainingConfig['augment'],
  random: Random,
): void {
  const mirrored = random() < 0.5 && augment.flip;
  const dx = shift(random, augment.shiftPx);
  const dy = shift(random, augment.shiftPx);
  const gain = 1 + augment.brightness * (2 * random() - 1);
  const lift = augment.brightness * (2 * random() - 1);
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
}

/** A whole number from -largest to largest. */
const shift = (random: Random, largest: number): number => Math.floor(random() * (2 * largest + 1)) - largest;

/** Pixels that a shift uncovers repeat the edge. */
const clamp = (value: number, size: number): number => Math.min(size - 1, Math.max(0, value));
