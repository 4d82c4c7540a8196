/** A toy training job: four "people" whose 16x16 images are one pattern each plus noise, and a net of a few thousand weights. */
import { TrainingConfigSchema, type TrainingConfig } from '../../../contracts/configuration/training.ts';
import type { Layer } from '../../../contracts/configuration/layers.ts';
import type { CurvePoint } from '../../../contracts/training.ts';
import type { LabelledImages } from '../../../services/data/strategy.ts';
import { createRandom } from '../../../services/training/random.ts';
import type { TrainingContext, TrainingJob } from '../../../services/training/strategy.ts';

const SIDE = 16;
const PEOPLE = 4;

export const TOY_NET: Layer[] = [
  { type: 'conv', filters: 6, kernel: 3, stride: 1 },
  { type: 'batch-norm' },
  { type: 'max-pool' },
  { type: 'relu' },
  { type: 'flatten' },
  { type: 'dense', units: 8 },
];

/** `seed` changes the noise, not the patterns. */
export function toyImages(perPerson: number, seed: number, people = PEOPLE): LabelledImages {
  const count = perPerson * people;
  const noise = createRandom(seed);
  const classes = Int32Array.from({ length: count }, (_, index) => index % people);
  const pixels = new Uint8Array(count * SIDE * SIDE);
  for (const [index, person] of classes.entries()) {
    const pattern = createRandom(1000 + person);
    // Blocks of 4x4 pixels, so that a shift by one pixel keeps most of the pattern.
    const blocks = Array.from({ length: (SIDE / 4) ** 2 }, () => 40 + 130 * pattern());
    for (let at = 0; at < SIDE * SIDE; at++) {
      const block = Math.floor(at / SIDE / 4) * (SIDE / 4) + Math.floor((at % SIDE) / 4);
      pixels[index * SIDE * SIDE + at] = blocks[block]! + 60 * noise();
    }
  }
  const labels = Array.from({ length: people }, (_, person) => `person ${person}`);
  return { spec: { width: SIDE, height: SIDE, channels: 1 }, pixels, classes, labels, count };
}

export function toyJob(config: Partial<TrainingConfig> = {}, rest: Partial<TrainingJob> = {}): TrainingJob {
  const defaults = {
    net: TOY_NET,
    epochs: 4,
    batchSize: 8,
    microBatch: 4,
    learningRate: 0.01,
    threads: 2,
    augment: { flip: false, shiftPx: 1, brightness: 0.1, contrast: 0.1, cutoutPx: 0 },
  };
  return {
    runId: 'run-1',
    model: 'toy',
    config: TrainingConfigSchema.parse({ ...defaults, ...config }),
    train: toyImages(12, 1),
    validation: toyImages(4, 2),
    datasetDigest: `sha256:${'0'.repeat(64)}`,
    resumeFrom: null,
    ...rest,
  };
}

/** A context that nothing listens to, but for what `overrides` says. */
export function quietContext(overrides: Partial<TrainingContext> = {}): TrainingContext {
  return {
    signal: new AbortController().signal,
    progress: () => {},
    log: { info: () => {}, warn: () => {} },
    now: () => performance.now(),
    saveCheckpoint: async () => {},
    ...overrides,
  };
}

/** A point of the curve as far as it speaks of the training, and not of the machine. */
export const timeless = (point: CurvePoint): CurvePoint => ({ ...point, imagesPerSecond: null });
