/**
 * Trains with onnxruntime-node. Works wherever the package installs, without Python or CUDA. On a graphics processor a step
 * of one pass is one run of one graph; everything else is data-parallel.ts. Blocks its thread while it runs, so it
 * belongs in a training thread.
 */
import { InferenceSession, env, type Tensor } from 'onnxruntime-node';
import type { Provider } from '../../../contracts/configuration/training.ts';
import type { EngineFactory, EngineSpec, TrainingEngine } from '../loop/engine.ts';
import { blendStatistics, type TrainingState } from '../nets/parameters.ts';
import { blockOfThisMachine } from './blocked-conv.ts';
import { createParallelEngine } from './data-parallel.ts';
import type { GraphOptions } from './graph-builder.ts';
import { ratesAt } from './optimizer.ts';
import { batchFeeds, floats, sessionOptions, vector } from './session.ts';
import { buildTrainingModel } from './training-graph.ts';

/** `create` throws what onnxruntime throws where the provider is not there; providers.ts finds one that is. */
export function createOnnxEngine(provider: Provider, graph?: GraphOptions): EngineFactory {
  return {
    framework: `onnx-graph on onnxruntime-node ${env.versions.node ?? env.versions.common}, ${provider}`,

    async create(spec, initial) {
      const options = graph ?? (await graphOptionsFor(provider));
      if (provider === 'cpu' || spec.microBatch < spec.batch)
        return createParallelEngine(spec, initial, provider, options);
      const session = await InferenceSession.create(
        buildTrainingModel(spec, options),
        sessionOptions(spec.threads, provider),
      );
      return engineOfOneRun(initial, session, spec);
    },
  };
}

/** The operators that a graph may use where it will run. */
export async function graphOptionsFor(provider: Provider): Promise<GraphOptions> {
  return provider === 'cpu' ? { block: await blockOfThisMachine() } : { portable: provider === 'webgpu' };
}

interface Weights {
  readonly w: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
}

/** The weights live in two sets of buffers that take turns: with new ones each step, garbage would add to the peak. */
function engineOfOneRun(initial: TrainingState, session: InferenceSession, { net }: EngineSpec): TrainingEngine {
  let current = weightsOf(initial);
  let spare = weightsOf(initial);
  let running = initial.statistics;
  return {
    async step(batch, learningRate, step) {
      const rates = vector(ratesAt(learningRate, step));
      const fetches = { w_next: spare.w, m_next: spare.m, v_next: spare.v, loss: null, statistics: null };
      const out = await session.run({ ...batchFeeds(batch, net), ...current, rates }, fetches);
      [current, spare] = [spare, current];
      running = blendStatistics(running, floats(out.statistics));
      return floats(out.loss)[0]!;
    },
    state: async () => {
      const copy = (tensor: Tensor): Float32Array => floats(tensor).slice();
      return { w: copy(current.w), m: copy(current.m), v: copy(current.v), statistics: running };
    },
    dispose: () => session.release(),
  };
}

const weightsOf = ({ w, m, v }: TrainingState): Weights => ({
  w: vector(w.slice()),
  m: vector(m.slice()),
  v: vector(v.slice()),
});
