/**
 * Trains with onnxruntime-node. Works wherever the package installs, without Python or CUDA. A whole step is one run of
 * one graph; with micro-batches it is one run for each, which adds its gradient to the sum, and one that updates.
 * Blocks its thread while it runs, so it belongs in a training thread.
 */
import { InferenceSession, Tensor, env } from 'onnxruntime-node';
import type { EngineFactory, EngineSpec, TrainingEngine } from '../engine.ts';
import { partOf, type MaskedBatch } from '../masks.ts';
import type { ResolvedNet } from '../nets.ts';
import { blendStatistics, type TrainingState } from '../parameters.ts';
import type { GraphOptions } from './graph-builder.ts';
import { ratesAt } from './optimizer.ts';
import type { Provider } from './providers.ts';
import { buildGradientModel, buildTrainingModel, buildUpdateModel } from './training-graph.ts';

/** `create` throws what onnxruntime throws where the provider is not there; providers.ts finds one that is. */
export function createOnnxEngine(
  provider: Provider,
  graph: GraphOptions = { portable: provider === 'webgpu' },
): EngineFactory {
  return {
    framework: `onnx-graph on onnxruntime-node ${env.versions.node ?? env.versions.common}, ${provider}`,

    async create(spec, initial) {
      const open = (model: Uint8Array) => InferenceSession.create(model, sessionOptions(spec.threads, provider));
      if (spec.microBatch === spec.batch) {
        const session = await open(buildTrainingModel(spec, graph));
        return engineOf(initial, [session], (batch, state) =>
          session.run({ ...batchFeeds(batch, spec.net), ...state }),
        );
      }
      const gradient = await open(buildGradientModel(spec, graph));
      const update = await open(buildUpdateModel(spec, graph));
      return engineOf(initial, [gradient, update], (batch, state) => accumulate(gradient, update, spec, batch, state));
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

/** One step: from a batch and the tensors w, m, v and rates to loss, statistics, w_next, m_next and v_next. */
type Step = (batch: MaskedBatch, state: Record<string, Tensor>) => Promise<InferenceSession.ReturnType>;

function engineOf(initial: TrainingState, sessions: readonly InferenceSession[], run: Step): TrainingEngine {
  let state = initial;
  return {
    async step(batch, learningRate, step) {
      const { w, m, v } = state;
      const rates = vector(ratesAt(learningRate, step));
      const out = await run(batch, { w: vector(w), m: vector(m), v: vector(v), rates });
      const statistics = blendStatistics(state.statistics, floats(out.statistics));
      state = { w: floats(out.w_next), m: floats(out.m_next), v: floats(out.v_next), statistics };
      return floats(out.loss)[0]!;
    },
    state: async () => state,
    dispose: async () => void (await Promise.all(sessions.map((session) => session.release()))),
  };
}

/**
 * Gradient accumulation. Batch-norm sees one micro-batch at a time ("ghost" statistics: Hoffer et al.,
 * arXiv:1705.08741); the running averages take the mean of theirs.
 */
async function accumulate(
  gradient: InferenceSession,
  update: InferenceSession,
  { net, batch: size, microBatch }: EngineSpec,
  batch: MaskedBatch,
  { w, ...rest }: Record<string, Tensor>,
): Promise<InferenceSession.ReturnType> {
  let sum = vector(new Float32Array(w!.size));
  let loss = 0;
  const statistics = new Float32Array(net.statisticsCount);
  for (let first = 0; first < size; first += microBatch) {
    const out = await gradient.run({ ...batchFeeds(partOf(batch, first, microBatch), net), w: w!, sum });
    sum = vector(floats(out.gradient));
    loss += floats(out.loss)[0]!;
    for (const [index, value] of floats(out.statistics).entries()) statistics[index]! += (value * microBatch) / size;
  }
  const next = await update.run({ w: w!, ...rest, gradient: sum });
  return { ...next, loss: vector(Float32Array.of(loss)), statistics: vector(statistics) };
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
