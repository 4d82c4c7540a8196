/**
 * Trains with onnxruntime-node: the whole step is one run of one graph. Works wherever the package installs, without
 * Python or CUDA. Blocks its thread while a step runs, so it belongs in a training thread.
 */
import { InferenceSession, Tensor, env } from 'onnxruntime-node';
import type { EngineFactory, EngineSpec, TrainingEngine } from '../engine.ts';
import { blendStatistics, type TrainingState } from '../parameters.ts';
import type { MaskedBatch } from '../masks.ts';
import type { ResolvedNet } from '../nets.ts';
import type { GraphOptions } from './graph-builder.ts';
import { ratesAt } from './optimizer.ts';
import type { Provider } from './providers.ts';
import { buildTrainingModel } from './training-graph.ts';

/** `create` throws what onnxruntime throws where the provider is not there; providers.ts finds one that is. */
export function createOnnxEngine(
  provider: Provider,
  graph: GraphOptions = { portable: provider === 'webgpu' },
): EngineFactory {
  return {
    framework: `onnx-graph on onnxruntime-node ${env.versions.node ?? env.versions.common}, ${provider}`,

    async create(spec, initial) {
      const options = sessionOptions(spec.threads, provider);
      const session = await InferenceSession.create(buildTrainingModel(spec, graph), options);
      return engineOf(session, spec, initial);
    },
  };
}

/**
 * `basic`: the stronger optimisations cannot fold anything, since weights are inputs here, and measured slower.
 * Without the memory pattern the peak falls from 361 to 264 MB at the same speed. Threads that wait for work do not
 * spin: beside a server that answers requests the cores are not theirs to burn (15 % less CPU time per image).
 */
export const sessionOptions = (threads: number, provider: Provider = 'cpu'): InferenceSession.SessionOptions => ({
  executionProviders: [provider],
  graphOptimizationLevel: 'basic',
  enableMemPattern: false,
  intraOpNumThreads: threads,
  extra: { session: { intra_op: { allow_spinning: '0' } } },
});

function engineOf(session: InferenceSession, { net }: EngineSpec, initial: TrainingState): TrainingEngine {
  let state = initial;
  return {
    async step(batch, learningRate, step) {
      const rates = vector(ratesAt(learningRate, step));
      const { w, m, v } = state;
      const out = await session.run({
        ...batchFeeds(batch, net),
        w: vector(w),
        m: vector(m),
        v: vector(v),
        rates,
      });
      const statistics = blendStatistics(state.statistics, floats(out.statistics));
      state = { w: floats(out.w_next), m: floats(out.m_next), v: floats(out.v_next), statistics };
      return floats(out.loss)[0]!;
    },
    state: async () => state,
    dispose: () => session.release(),
  };
}

/** The inputs of a training graph that differ from batch to batch. */
export function batchFeeds({ images, classes, masks }: MaskedBatch, net: ResolvedNet): Record<string, Tensor> {
  const { channels, height, width } = net.image;
  const count = classes.length;
  return {
    images: new Tensor('float32', images, [count, channels, height, width]),
    classes: new Tensor('int64', BigInt64Array.from(classes, BigInt), [count]),
    ...(net.maskCount > 0 && { masks: new Tensor('float32', masks, [count, net.maskCount]) }),
  };
}

export const vector = (data: Float32Array): Tensor => new Tensor('float32', data, [data.length]);

/** Every output of our graphs is float32. */
export const floats = (value: InferenceSession.ReturnType[string] | undefined): Float32Array =>
  value!.data as Float32Array;
