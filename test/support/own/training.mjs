// @ts-check
/** A training strategy of one's own, for tests: the shipped one for as many passes as its options say. */
import { createTrainingStrategy } from 'nightshift/strategies/training';

/**
 * @import { TrainingStrategy } from 'nightshift/strategies/training'
 * @param {{ epochs: number }} options
 * @returns {Promise<TrainingStrategy>}
 */
export async function createStrategy({ epochs }) {
  const shipped = await createTrainingStrategy('onnx-graph');
  return {
    name: 'own',
    train: (job, context) => shipped.train({ ...job, config: { ...job.config, epochs } }, context),
  };
}
