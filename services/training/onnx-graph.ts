/**
 * The default strategy: onnxruntime-node runs one ONNX graph that is forward, backward and optimiser in one. Needs nothing
 * but the npm registry. The graph is in onnx/training-graph.ts, the training loop in loop.ts.
 */
import { checkJob, trainInThread } from './loop/in-thread.ts';
import type { TrainingStrategy } from './strategy.ts';

export function createOnnxGraphStrategy(): TrainingStrategy {
  return {
    name: 'onnx-graph',
    async train(job, context) {
      checkJob(job);
      return trainInThread({ job, engine: { type: 'onnx-graph' } }, context);
    },
  };
}
