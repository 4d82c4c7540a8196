/**
 * The gain of a warm start: epochs until a target rank-1 on held-out images, beginning with a champion's weights and from
 * scratch. The champion knows the first three quarters of the people; the others are new. Called by the training bench.
 */
import type { LabelledImages } from '../../services/data/strategy.ts';
import { imageSize } from '../../services/training/input/pixels.ts';
import type { TrainingOutcome } from '../../services/training/strategy.ts';
import { trainNet } from '../support/train-net.ts';

export interface WarmStartResult {
  readonly targetRank1: number;
  /** Passes until the target; null where it was not reached within EPOCHS. */
  readonly warmEpochs: number | null;
  readonly coldEpochs: number | null;
  /** Warm / cold; null where either is. */
  readonly warmStartEpochRatio: number | null;
}

const EPOCHS = 30;
const TARGET_RANK1 = 0.95;
const KNOWN_SHARE = 0.75;

/** `train` and `validation` have the same people. One seed: repeat it for a spread. */
export async function measureWarmStart(
  train: LabelledImages,
  validation: LabelledImages,
  seed = 1,
): Promise<WarmStartResult> {
  const known = Math.round(KNOWN_SHARE * train.labels.length);
  const champion = await run(firstPeople(train, known), firstPeople(validation, known), seed, null);
  const warmEpochs = epochsTo(await run(train, validation, seed, champion.weights!));
  const coldEpochs = epochsTo(await run(train, validation, seed, null));
  const warmStartEpochRatio = warmEpochs === null || coldEpochs === null ? null : warmEpochs / coldEpochs;
  return { targetRank1: TARGET_RANK1, warmEpochs, coldEpochs, warmStartEpochRatio };
}

const epochsTo = ({ curve }: TrainingOutcome): number | null =>
  curve.find(({ validationRank1 }) => (validationRank1 ?? 0) >= TARGET_RANK1)?.epoch ?? null;

function run(train: LabelledImages, validation: LabelledImages, seed: number, championWeights: Uint8Array | null) {
  return trainNet(train, { epochs: EPOCHS, seed }, { validation, championWeights });
}

function firstPeople(set: LabelledImages, people: number): LabelledImages {
  const size = imageSize(set);
  const kept = [...set.classes.keys()].filter((index) => set.classes[index]! < people);
  const pixels = new Uint8Array(kept.length * size);
  kept.forEach((index, place) => pixels.set(set.pixels.subarray(index * size, (index + 1) * size), place * size));
  const classes = Int32Array.from(kept, (index) => set.classes[index]!);
  return { ...set, pixels, classes, labels: set.labels.slice(0, people), count: kept.length };
}
