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
import { blockOfThisMachine } from './blocked-conv.ts';
import type { GraphOptions } from './graph-builder.ts';
import { ratesAt } from './optimizer.ts';
import type { Provider } from './providers.ts';
import { buildGradientModel, buildTrainingModel, buildUpdateModel } from './training-graph.ts';

/** `create` throws what onnxruntime throws where the provider is not there; providers.ts finds one that is. */
export function createOnnxEngine(provider: Provider, graph?: GraphOptions): EngineFactory {
  return {
    framework: `onnx-graph on onnxruntime-node ${env.versions.node ?? env.versions.common}, ${provider}`,

    async create(spec, initial) {
      const options = graph ?? (await graphOptionsFor(provider));
      const open = (model: Uint8Array) => InferenceSession.create(model, sessionOptions(spec.threads, provider));
      if (spec.microBatch === spec.batch) {
        const session = await open(buildTrainingModel(spec, options));
        return engineOf(initial, [session], stepAtOnce(session, spec));
      }
      const gradient = await open(buildGradientModel(spec, options));
      const update = await open(buildUpdateModel(spec, options));
      return engineOf(initial, [gradient, update], stepByParts(gradient, update, spec, initial.w.length));
    },
  };
}

/** What a graph may use where it will run. */
export async function graphOptionsFor(provider: Provider): Promise<GraphOptions> {
  return provider === 'cpu' ? { block: await blockOfThisMachine() } : { portable: provider === 'webgpu' };
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

interface Weights {
  readonly w: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
}

/** One step from `state` and rates: writes the new weights into `next`, answers loss and statistics. */
type Step = (
  batch: MaskedBatch,
  state: Weights & { readonly rates: Tensor },
  next: Weights,
) => Promise<{ readonly loss: number; readonly statistics: Float32Array }>;

/** The weights live in two sets of buffers that take turns: with new ones each step, garbage would add to the peak. */
function engineOf(initial: TrainingState, sessions: readonly InferenceSession[], run: Step): TrainingEngine {
  let current = weightsOf(initial);
  let spare = weightsOf(initial);
  let running = initial.statistics;
  return {
    async step(batch, learningRate, step) {
      const rates = vector(ratesAt(learningRate, step));
      const { loss, statistics } = await run(batch, { ...current, rates }, spare);
      [current, spare] = [spare, current];
      running = blendStatistics(running, statistics);
      return loss;
    },
    state: async () => {
      const copy = (tensor: Tensor): Float32Array => floats(tensor).slice();
      return { w: copy(current.w), m: copy(current.m), v: copy(current.v), statistics: running };
    },
    dispose: async () => void (await Promise.all(sessions.map((session) => session.release()))),
  };
}

const weightsOf = ({ w, m, v }: TrainingState): Weights => ({
  w: vector(w.slice()),
  m: vector(m.slice()),
  v: vector(v.slice()),
});

const updateInto = ({ w, m, v }: Weights) => ({ w_next: w, m_next: m, v_next: v });

/** Forward, backward and update in one graph. */
function stepAtOnce(session: InferenceSession, { net }: EngineSpec): Step {
  return async (batch, state, next) => {
    const fetches = { ...updateInto(next), loss: null, statistics: null };
    const out = await session.run({ ...batchFeeds(batch, net), ...state }, fetches);
    return { loss: floats(out.loss)[0]!, statistics: floats(out.statistics) };
  };
}

/**
 * Gradient accumulation. Batch-norm sees one micro-batch at a time ("ghost" statistics: Hoffer et al.,
 * arXiv:1705.08741); the running averages take the mean of theirs.
 */
function stepByParts(
  gradient: InferenceSession,
  update: InferenceSession,
  { net, batch: size, microBatch }: EngineSpec,
  parameters: number,
): Step {
  let [sum, spare] = [vector(new Float32Array(parameters)), vector(new Float32Array(parameters))];
  return async (batch, { w, ...rest }, next) => {
    const statistics = new Float32Array(net.statisticsCount);
    let loss = 0;
    floats(sum).fill(0);
    for (let first = 0; first < size; first += microBatch) {
      const fetches = { gradient: spare, loss: null, statistics: null };
      const out = await gradient.run({ ...batchFeeds(partOf(batch, first, microBatch), net), w, sum }, fetches);
      [sum, spare] = [spare, sum];
      loss += floats(out.loss)[0]!;
      for (const [index, value] of floats(out.statistics).entries()) statistics[index]! += (value * microBatch) / size;
    }
    await update.run({ w, ...rest, gradient: sum }, updateInto(next));
    return { loss, statistics };
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
