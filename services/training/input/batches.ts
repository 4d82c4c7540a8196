/**
 * Which images make which batch, and the batches one asks for. Every batch is a function of (settings, epoch, index)
 * and the images alone, so a training that resumes, or uses other threads, sees the very same. Used by loop.ts.
 */
import { openImages, type ImageReader } from '../../data/image-reader.ts';
import type { ImageSet, TrainingImages } from '../../data/strategy.ts';
import { augmentImages, imageSize, type Augment } from './pixels.ts';
import { createRandom, permutation } from '../random.ts';

export interface Batch {
  /** [count, channels, height, width] */
  readonly images: Float32Array;
  readonly classes: Int32Array;
}

/** All that decides which image is in which batch. */
export interface OrderSettings {
  readonly batchSize: number;
  readonly seed: number;
}

export interface BatchSettings extends OrderSettings {
  readonly augment: Augment;
}

/** Batches of one set of images. */
export interface BatchSource {
  /** Batches in a pass; the last one is filled up from the front of the order, so that a pass sees every image. */
  readonly count: number;
  /** `epoch` and `index` count from 0. The batch is good until the next one is asked for: its memory is used again. */
  batch(epoch: number, index: number): Promise<Batch>;
  /** Bytes of pixels that it and its threads hold; does not grow. */
  heldBytes(): number;
  /** Call it once, in a `finally`. Nothing of it is left running when this resolves. */
  close(): Promise<void>;
}

/** The parts of one batch; small enough to be sent to another thread. */
export interface BatchRecipe {
  readonly indices: Int32Array;
  /** Names the stream of random numbers. */
  readonly stream: readonly number[];
}

export const batchesPerEpoch = ({ count }: Pick<ImageSet, 'count'>, { batchSize }: OrderSettings): number =>
  Math.ceil(count / batchSize);

/** Tells the recipe of each batch; remembers the order of the last two epochs, because making one takes a while. */
export function createRecipes({ count }: Pick<ImageSet, 'count'>, { batchSize, seed }: OrderSettings) {
  const orders = new Map<number, Int32Array>();
  const orderOf = (epoch: number): Int32Array => {
    const order = orders.get(epoch) ?? permutation(count, createRandom(seed, 1 + epoch));
    for (const other of orders.keys()) if (Math.abs(other - epoch) > 1) orders.delete(other);
    orders.set(epoch, order);
    return order;
  };
  return (epoch: number, index: number): BatchRecipe => {
    const order = orderOf(epoch);
    const indices = Int32Array.from({ length: batchSize }, (_, place) => order[(index * batchSize + place) % count]!);
    return { indices, stream: [seed, 1 + epoch, 1 + index] };
  };
}

/** Fills `images` with the batch of a recipe; `pixels` is room for as many values. */
export async function cook(
  { indices, stream }: BatchRecipe,
  reader: ImageReader,
  { spec }: Pick<ImageSet, 'spec'>,
  augment: Augment,
  room: { readonly pixels: Uint8Array; readonly images: Float32Array },
): Promise<void> {
  await reader.read(indices, room.pixels);
  augmentImages(room.pixels, room.images, spec, augment, createRandom(...stream));
}

/** Makes each batch when it is asked for, in the calling thread: for sets in memory, where that takes a hundredth of a step. */
export function createInlineBatches(set: TrainingImages, settings: BatchSettings): BatchSource {
  const reader = openImages(set);
  const recipeOf = createRecipes(set, settings);
  const values = settings.batchSize * imageSize(set);
  const room = { pixels: new Uint8Array(values), images: new Float32Array(values) };
  return {
    count: batchesPerEpoch(set, settings),
    async batch(epoch, index) {
      const recipe = recipeOf(epoch, index);
      await cook(recipe, reader, set, settings.augment, room);
      return { images: room.images, classes: recipe.indices.map((at) => set.classes[at]!) };
    },
    heldBytes: () => room.pixels.byteLength + room.images.byteLength,
    close: async () => reader.close(),
  };
}
