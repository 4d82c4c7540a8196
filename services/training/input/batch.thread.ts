/**
 * An input thread: makes batches of a spooled set, one after the other, for worker-batches.ts. Reads, decodes and
 * augments while the training thread computes. Ends when it is told to, between two batches.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { toFailure } from '../../../contracts/errors.ts';
import { openImages } from '../../data/image-reader.ts';
import { TRAINING_NICE, lowerThreadPriority } from '../../../runtime/threads.ts';
import { imageSize } from './pixels.ts';
import { cook } from './batches.ts';
import type { FromInputThread, InputThreadData, ToInputThread } from './worker-batches.ts';

lowerThreadPriority(TRAINING_NICE);

// startThread passes what worker-batches.ts gave it, under `data`.
const { set, augment, batchSize, stop } = (workerData as { data: InputThreadData }).data;
const port = parentPort!;
const reader = openImages(set);
const pixels = new Uint8Array(batchSize * imageSize(set));
let last: Promise<void> = Promise.resolve();

// One batch at a time, in the order in which they were asked for.
port.on('message', (message: ToInputThread) => {
  last = last.then(() => (message === 'end' ? end() : answer(message)));
});

async function answer({ number, recipe, images }: Exclude<ToInputThread, 'end'>): Promise<void> {
  const reply = await make(recipe, images);
  port.postMessage({ number, images, ...reply } satisfies FromInputThread, [images.buffer as ArrayBuffer]);
}

/** Nobody takes what is made after the stop. */
async function make(
  recipe: Exclude<ToInputThread, 'end'>['recipe'],
  images: Float32Array,
): Promise<Pick<FromInputThread, 'failure'>> {
  if (Atomics.load(stop, 0) !== 0) return { failure: null };
  try {
    await cook(recipe, reader, set, augment, { pixels, images });
    return { failure: null };
  } catch (error) {
    return { failure: toFailure(error) };
  }
}

function end(): void {
  reader.close();
  port.close();
}
