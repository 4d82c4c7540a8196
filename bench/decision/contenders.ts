/**
 * What makes embeddings in the decision bench: the default net or a head on a frozen backbone, trained for each division; a
 * finished model; and the two floors. Each learns from the same images and is then asked under the same rule. Called by decision.ts.
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { ImageSpec } from '../../contracts/dataset.ts';
import type { BackboneConfig } from '../../contracts/configuration/training.ts';
import type { LabelledImages } from '../../services/data/strategy.ts';
import { normalise } from '../../services/serving/gallery/gallery.ts';
import { embedAll } from '../../services/serving/host/embed-all.ts';
import { createModelHost } from '../../services/serving/host/model-host.ts';
import { embedByFeatures } from '../../services/training/frozen/by-features.ts';
import { fitFisherfaces } from '../accuracy/fisherfaces.ts';
import { pixelRows } from '../support/pixel-rows.ts';
import { trainNet, UNWATCHED } from '../support/train-net.ts';
import { SPEC } from './people.ts';

/** What a contender leaves for its next night; null if it begins anew each time. */
export type Memory = Uint8Array | null;

export interface Embeddings {
  /** Of each set its rows of length 1. */
  readonly rows: readonly Float32Array[];
  readonly memory: Memory;
}

export interface Contender {
  readonly name: string;
  /** Of the pictures that it is given. */
  readonly image: ImageSpec;
  embed(train: LabelledImages, sets: readonly LabelledImages[], seed: number, memory: Memory): Promise<Embeddings>;
}

export interface BackboneOptions {
  /** An ONNX file as `nightshift backbone import` writes it. */
  readonly path: string;
  readonly head: BackboneConfig['head'];
  readonly image: ImageSpec;
  /** Embeds each picture and its mirror image. */
  readonly mirror: boolean;
  /** Where features are kept: a picture passes the backbone once, whatever the division. */
  readonly cacheDir: string;
}

/** With the pipeline's defaults; begins with the weights of the night before, as nights do. */
export const defaultNet: Contender = {
  name: 'net',
  image: SPEC,
  async embed(train, sets, seed, memory) {
    const { model, weights } = await trainNet(train, { seed }, { championWeights: memory });
    return { rows: await embedBy(model, sets), memory: weights ?? null };
  },
};

/** Trained as a night does it, the features made and kept as a night does. */
export const frozenBackbone = ({ path, head, image, mirror, cacheDir }: BackboneOptions): Contender => ({
  name: `backbone, head ${nameOf(head)}${mirror ? ', mirrors' : ''}`,
  image,
  async embed(train, sets, seed, memory) {
    const backbone = { path, head, cacheDir, input: { mean: 0, scale: 1 } };
    const { model, weights } = await trainNet(train, { seed, backbone, mirror }, { championWeights: memory });
    return { rows: await embedBy(model, sets, cacheDir), memory: weights ?? null };
  },
});

const nameOf = (head: BackboneConfig['head']) =>
  typeof head === 'string' ? head : head.map(({ type }) => type).join(' + ');

/** An ONNX file in the form that a training yields; it learns nothing here. */
export const finishedModel = (path: string, image: ImageSpec): Contender => ({
  name: 'model',
  image,
  embed: async (_train, sets) => ({ rows: await embedBy(await readFile(path), sets), memory: null }),
});

export const floors: readonly Contender[] = [
  {
    name: 'PCA + LDA',
    image: SPEC,
    async embed(train, sets) {
      const project = fitFisherfaces({ rows: pixelRows(train), classes: train.classes });
      return { rows: sets.map((images) => project(pixelRows(images))), memory: null };
    },
  },
  {
    name: 'pixels',
    image: SPEC,
    embed: async (_train, sets) => ({ rows: sets.map((images) => unitRows(images)), memory: null }),
  },
];

/** With a folder for features the backbone runs for new pictures only. */
async function embedBy(
  model: Uint8Array,
  sets: readonly LabelledImages[],
  cacheDir: string | null = null,
): Promise<readonly Float32Array[]> {
  const hostOptions = { queueMax: 64, batchMax: 32, threads: availableParallelism() };
  const host = await createModelHost({ model, image: sets[0]!.spec, ...hostOptions });
  try {
    const kept = cacheDir && (await embedByFeatures(sets, { model, host, hostOptions, cacheDir }, UNWATCHED));
    if (kept) return kept;
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
