/** The training strategies by their configured name. Called by the trainer. */
import { assertNever } from '../../contracts/errors.ts';
import type { TrainingConfig } from '../../contracts/configuration/training.ts';
import { createCommandStrategy } from './command.ts';
import { createOnnxGraphStrategy } from './onnx-graph.ts';
import type { TrainingStrategy } from './strategy.ts';
import { createTfjsStrategy } from './tfjs.ts';

export function createTrainingStrategy(name: TrainingConfig['strategy']): TrainingStrategy {
  switch (name) {
    case 'onnx-graph':
      return createOnnxGraphStrategy();
    case 'tfjs':
      return createTfjsStrategy();
    case 'command':
      return createCommandStrategy();
    default:
      return assertNever(name);
  }
}
