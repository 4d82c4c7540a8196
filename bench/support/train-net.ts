/** One training run as the trainer does it, with nobody who watches. */
import { TrainingConfigSchema, type TrainingConfig } from '../../contracts/configuration/training.ts';
import type { LabelledImages } from '../../services/data/strategy.ts';
import { createTrainingStrategy } from '../../services/training/strategies.ts';
import type { TrainingJob, TrainingOutcome } from '../../services/training/strategy.ts';

export const UNWATCHED = {
  signal: new AbortController().signal,
  progress: () => {},
  log: { info: () => {}, warn: () => {} },
};

/** Beside `settings` everything is as shipped. */
export async function trainNet(
  train: LabelledImages,
  settings: Partial<TrainingConfig>,
  more: Partial<Pick<TrainingJob, 'validation' | 'championWeights'>> = {},
): Promise<TrainingOutcome> {
  const config = TrainingConfigSchema.parse(settings);
  const job = { runId: 'bench', model: 'face', config, train, validation: null, resumeFrom: null, ...more };
  const strategy = await createTrainingStrategy(config.strategy);
  return strategy.train(
    { ...job, datasetDigest: `sha256:${'0'.repeat(64)}` },
    {
      ...UNWATCHED,
      now: () => performance.now(),
      saveCheckpoint: async () => {},
    },
  );
}
