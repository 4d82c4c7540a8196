/**
 * Batches by threads: the same as without them, whoever makes them and wherever one begins; within their memory; and
 * nothing left behind.
 */
import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SpooledImages, TrainingImages } from '../../../../services/data/strategy.ts';
import { createInlineBatches, type BatchSource } from '../../../../services/training/input/batches.ts';
import { buffersOf, createWorkerBatches } from '../../../../services/training/input/worker-batches.ts';
import { loadSplits } from '../../../support/load-splits.ts';
import { failureOf } from '../../../support/samples.ts';
import { withSpooled } from '../../../support/spooled.ts';

const AUGMENT = { flip: true, shiftPx: 2, brightness: 0.2, contrast: 0.2, cutoutPx: 3 };
/** Ten images: three batches in a pass, the last filled up with two from the front. */
const SETTINGS = { batchSize: 4, seed: 7, augment: AUGMENT };
const VALUES = 4 * 64;
const ROOMY = 1e6;
const never = new AbortController().signal;

const byWorkers = (set: SpooledImages, workers: number, memoryBytes = ROOMY): BatchSource =>
  createWorkerBatches(set, { ...SETTINGS, workers, memoryBytes });

/** Copies, because a batch is good only until the next one. */
async function take(source: BatchSource, from: number, to: number) {
  const taken: { images: Float32Array; classes: Int32Array }[] = [];
  try {
    for (let number = from; number < to; number++) {
      const { images, classes } = await source.batch(Math.floor(number / source.count), number % source.count);
      taken.push({ images: images.slice(), classes: classes.slice() });
    }
  } finally {
    await source.close();
  }
  return taken;
}

const inline = (set: TrainingImages, from: number, to: number) => take(createInlineBatches(set, SETTINGS), from, to);
const threads = () => readdirSync('/proc/self/task').length;

test('batches: the same for a set in memory, on disk, and by one thread or three', () =>
  withSpooled(async ({ manifest, train, blobs }) => {
    const expected = await inline(await loadSplits(manifest, ['train'], blobs, never), 0, 9);
    assert.is(new Set(expected.map(({ images }) => images.join())).size, 9, 'no two are alike');
    // The set is undecoded at first, decoded for the later ones.
    for (const workers of [3, 1]) assert.equal(await take(byWorkers(train, workers), 0, 9), expected);
    assert.equal(await inline(train, 0, 9), expected);
    const other = await take(createInlineBatches(train, { ...SETTINGS, seed: 8 }), 0, 1);
    assert.not.equal(other[0]!.images, expected[0]!.images);
  }));

test('batches: a pass shows every image, in another order each time', () =>
  withSpooled(async ({ train }) => {
    const plain = { ...AUGMENT, flip: false, shiftPx: 0, brightness: 0, contrast: 0, cutoutPx: 0 };
    const source = createInlineBatches(train, { ...SETTINGS, augment: plain });
    const batches = await take(source, 0, 6);
    const shown = batches.map(({ images }) =>
      Array.from({ length: 4 }, (_, at) => images.subarray(at * 64, (at + 1) * 64).join()),
    );
    const [first, second] = [shown.slice(0, 3).flat(), shown.slice(3).flat()];
    for (const pass of [first, second]) assert.is(new Set(pass).size, 10);
    assert.not.equal(first, second);
  }));

test('batches: who resumes at any batch, or goes back, sees what the undisturbed training saw', () =>
  withSpooled(async ({ train }) => {
    const expected = await inline(train, 0, 9);
    assert.equal(await take(byWorkers(train, 1), 5, 9), expected.slice(5));
    const source = byWorkers(train, 2);
    try {
      for (const [epoch, index] of [
        [1, 2],
        [0, 1],
        [2, 0],
        [0, 2],
      ] as const) {
        const { images, classes } = await source.batch(epoch, index);
        assert.equal([images, classes], Object.values(expected[epoch * 3 + index]!));
      }
    } finally {
      await source.close();
    }
  }));

test('batches: they hold no more bytes than configured, and say which setting is too small', () =>
  withSpooled(async ({ train }) => {
    const least = VALUES * (2 + 2 * Float32Array.BYTES_PER_ELEMENT);
    const source = byWorkers(train, 2, least);
    assert.is(source.heldBytes(), least);
    assert.equal(await take(source, 0, 9), await inline(train, 0, 9));
    assert.is(source.heldBytes(), least);
    const buffers = [least, least + VALUES * 4, 1e9].map((memoryBytes) =>
      buffersOf(train, { ...SETTINGS, workers: 2, memoryBytes }),
    );
    assert.equal(buffers, [2, 3, 9]);
    const failure = await failureOf(Promise.resolve().then(() => byWorkers(train, 2, least - 1)));
    assert.is(failure.code, 'CONFIG_INVALID');
    assert.match(failure.message, new RegExp(`training.input.memoryBytes.*at least ${least}`));
  }));

test('batches: an image that cannot be decoded fails the batch that needs it, with its name', () =>
  withSpooled(async ({ train }) => {
    const bytes = await readFile(train.spoolPath);
    bytes.fill(0, train.positions[4], train.positions[5]);
    await writeFile(train.spoolPath, bytes);
    const failure = await failureOf(take(byWorkers(train, 1), 0, 3));
    assert.is(failure.code, 'IMAGE_UNREADABLE');
    assert.match(failure.message, /auth\/ada\/3/);
    assert.not.ok(failure.retryable);
  }));

test('batches: a file that is gone ends the thread, and the training may be tried again', () =>
  withSpooled(async ({ train }) => {
    const failure = await failureOf(take(byWorkers({ ...train, rawPath: `${train.rawPath}.gone` }, 1), 0, 1));
    assert.is(failure.code, 'TRAINING_FAILED');
    assert.ok(failure.retryable);
    assert.match(failure.message, /ENOENT/);
  }));

test('batches: closing leaves no thread, also with batches under way', () =>
  withSpooled(async ({ train }) => {
    await take(byWorkers(train, 1), 0, 1);
    const before = threads();
    for (const batches of [0, 1]) await take(byWorkers(train, 1), 0, batches);
    // Threads of the pool that decodes come once and stay: they were there before.
    assert.ok(threads() <= before, `${before} threads before, ${threads()} after`);
  }));

test.run();
