/** Labelled images of invented people for the tiny model, and everything that a release of it consists of. */
import { createHash } from 'node:crypto';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { Decision } from '../../contracts/decision.ts';
import type { ModelPair } from '../../contracts/release.ts';
import type { LabelledImages } from '../../services/data/strategy.ts';
import { buildGallery, writeGallery } from '../../services/serving/gallery/gallery.ts';
import { takeGolden, writeGolden } from '../../services/serving/host/golden.ts';
import { createModelHost } from '../../services/serving/host/model-host.ts';
import { TINY_IMAGE, tinyImages, tinyModel } from './tiny-model.ts';

export const TINY_HOST = { queueMax: 64, batchMax: 8, threads: 1 } as const;

/** Image i is of person `p<i % people>`; another seed gives other images of the same people. */
export function tinySplit(count: number, people: number, seed = 7): LabelledImages {
  return {
    spec: TINY_IMAGE,
    pixels: tinyImages(count, people, seed),
    classes: Int32Array.from({ length: count }, (_, i) => i % people),
    labels: Array.from({ length: people }, (_, person) => `p${person}`),
    count,
  };
}

/** One threshold for everything, and nothing to warn of. */
export const decisionAt = (threshold: number): Decision => ({
  identify: { fpir: 0.01, margin: 0, people: [1], thresholds: [threshold] },
  verify: { far: 0.001, threshold },
  warning: null,
});

export const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export interface TinyPairOptions {
  readonly runId: string;
  readonly seed?: number;
  readonly people?: number;
  /** Of both verbs, however many people there are. */
  readonly threshold?: number;
  /** In place of the threshold. */
  readonly decision?: Decision;
  /** Square products per image: see tinyModel. */
  readonly work?: number;
}

/** Stores a model, its gallery and its golden samples, as a verified run would. */
export async function storeTinyPair(blobs: BlobStore, { runId, ...options }: TinyPairOptions): Promise<ModelPair> {
  const { model, gallery, golden } = await memoised(options);
  return {
    runId,
    model: await blobs.put('MODELS', `${runId}/model.onnx`, model),
    gallery: await blobs.put('MODELS', `${runId}/gallery`, gallery),
    golden: await blobs.put('MODELS', `${runId}/golden`, golden),
  };
}

type TinyFiles = Readonly<Record<'model' | 'gallery' | 'golden', Uint8Array>>;

/** The files of a pair depend on the options alone, and starting a model host for them takes a third of a second. */
const made = new Map<string, Promise<TinyFiles>>();
function memoised(options: Omit<TinyPairOptions, 'runId'>): Promise<TinyFiles> {
  const key = JSON.stringify(options);
  const files = made.get(key) ?? makeTinyFiles(options);
  made.set(key, files);
  return files;
}

async function makeTinyFiles(options: Omit<TinyPairOptions, 'runId'>): Promise<TinyFiles> {
  const { seed = 1, people = 5, work = 0, threshold = 0.9, decision = decisionAt(threshold) } = options;
  const model = tinyModel({ seed, work });
  const host = await createModelHost({ model, image: TINY_IMAGE, ...TINY_HOST });
  try {
    const rows = await buildGallery(host, tinySplit(people * 3, people));
    const golden = await takeGolden(host, tinySplit(people, people, 8));
    return {
      model,
      gallery: writeGallery({ gallery: { ...rows, decision }, modelDigest: digestOf(model) }),
      golden: writeGolden(golden),
    };
  } finally {
    await host.close();
  }
}
