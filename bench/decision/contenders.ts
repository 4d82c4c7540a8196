/**
 * What makes embeddings in the decision bench: the default net, trained for each division; a finished model; and the two
 * floors. Each learns from the same images and is then asked under the same rule. Called by decision.ts.
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { LabelledImages } from '../../services/data/strategy.ts';
import { normalise } from '../../services/serving/gallery/gallery.ts';
import { embedAll } from '../../services/serving/host/embed-all.ts';
import { createModelHost } from '../../services/serving/host/model-host.ts';
import { fitFisherfaces } from '../accuracy/fisherfaces.ts';
import { pixelRows } from '../support/pixel-rows.ts';
import { trainNet } from '../support/train-net.ts';

/** What a contender leaves for its next night; null if it begins anew each time. */
export type Memory = Uint8Array | null;

export interface Embeddings {
  /** Of each set its rows of length 1. */
  readonly rows: readonly Float32Array[];
  readonly memory: Memory;
}

export interface Contender {
  readonly name: string;
  embed(train: LabelledImages, sets: readonly LabelledImages[], seed: number, memory: Memory): Promise<Embeddings>;
}

/** With the pipeline's defaults; begins with the weights of the night before, as nights do. */
export const defaultNet: Contender = {
  name: 'net',
  async embed(train, sets, seed, memory) {
    const { model, weights } = await trainNet(train, { seed }, { championWeights: memory });
    return { rows: await embedBy(model, sets), memory: weights ?? null };
  },
};

/** An ONNX file in the form that a training yields; it learns nothing here. */
export const finishedModel = (path: string): Contender => ({
  name: 'model',
  embed: async (_train, sets) => ({ rows: await embedBy(await readFile(path), sets), memory: null }),
});

export const floors: readonly Contender[] = [
  {
    name: 'PCA + LDA',
    async embed(train, sets) {
      const project = fitFisherfaces({ rows: pixelRows(train), classes: train.classes });
      return { rows: sets.map((images) => project(pixelRows(images))), memory: null };
    },
  },
  {
    name: 'pixels',
    embed: async (_train, sets) => ({ rows: sets.map((images) => unitRows(images)), memory: null }),
  },
];

async function embedBy(model: Uint8Array, sets: readonly LabelledImages[]): Promise<Float32Array[]> {
  const limits = { queueMax: 64, batchMax: 32, threads: availableParallelism() };
  const host = await createModelHost({ model, image: sets[0]!.spec, ...limits });
  try {
    const rows = [];
    for (const images of sets) rows.push(await embedAll(host, images));
    return rows;
  } finally {
    await host.close();
  }
}

function unitRows(images: LabelledImages): Float32Array {
  const rows = pixelRows(images);
  const width = rows.length / Math.max(1, images.count);
  for (let at = 0; at < rows.length; at += width) normalise(rows.subarray(at, at + width));
  return rows;
}
