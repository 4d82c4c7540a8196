/** The training strategies by their configured name, or one of one's own. Called by the trainer. */
import { assertNever } from '../../contracts/errors.ts';
import type { TrainingConfig } from '../../contracts/configuration/training.ts';
import { loadOwn } from '../own-module.ts';
import { createCommandStrategy } from './command.ts';
import { createOnnxGraphStrategy } from './onnx-graph.ts';
import { tryModel } from './command/accept.ts';
import type { TrainingStrategy } from './strategy.ts';
import { createTfjsStrategy } from './tfjs.ts';

export type * from './strategy.ts';

/** Throws STRATEGY_UNAVAILABLE where it is one of one's own that cannot be loaded. */
export async function createTrainingStrategy(choice: TrainingConfig['strategy']): Promise<TrainingStrategy> {
  if (typeof choice === 'object')
    return withTrial(await loadOwn<TrainingStrategy>('training.strategy', choice, ['train']));
  switch (choice) {
    case 'onnx-graph':
      return createOnnxGraphStrategy();
    case 'tfjs':
      return createTfjsStrategy();
    case 'command':
      return createCommandStrategy();
    default:
      return assertNever(choice);
  }
}

/** The model of a strategy that we did not write is tried before anybody else loads it. */
const withTrial = (own: TrainingStrategy): TrainingStrategy => ({
  name: own.name,
  async train(job, context) {
    const outcome = await own.train(job, context);
    await tryModel(outcome.model, job, context.signal);
    return outcome;
  },
});
