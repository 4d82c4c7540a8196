/**
 * Data-parallel steps: the parts of a batch are shared by executors, their gradients are added up, and each executor
 * updates its range of the parameters. The result follows from the specification alone: parts are added in their order,
 * and the optimiser works value by value. So any number of executors gives the same weights, bit by bit. Called by
 * engine.ts; one executor is this thread, the others have threads of their own.
 *
 * Batch-norm sees one part at a time ("ghost" statistics: Hoffer et al., arXiv:1705.08741); the running averages take
 * the mean of theirs.
 */
import { availableParallelism } from 'node:os';
import type { Provider } from '../../../contracts/configuration/training.ts';
import type { EngineSpec, TrainingEngine } from '../loop/engine.ts';
import { blendStatistics, decayOf, type TrainingState } from '../nets/parameters.ts';
import { createExecutor, type Exchange, type Executor, type ExecutorSetup } from './executor.ts';
import type { GraphOptions } from './graph-builder.ts';
import { clipFactor, ratesAt } from './optimizer.ts';
import { startExecutor } from './remote-executor.ts';
import { buildGradientModel, buildUpdateModel } from './training-graph.ts';

/**
 * Parameters in one run of the optimiser: what it holds between its dozen passes over them, 128 KiB a vector, stays in
 * the cache of a core (0.65 of the time of one run over 600 000 parameters).
 */
const CHUNK = 32_768;

export async function createParallelEngine(
  spec: EngineSpec,
  initial: TrainingState,
  provider: Provider,
  graph: GraphOptions,
): Promise<TrainingEngine> {
  const setups = setupsOf(spec, initial, provider, graph);
  return engineOf(spec, initial, setups[0]!.exchange, await startAll(setups));
}

/** All or none: where one cannot start, those that did are ended first. */
async function startAll(setups: readonly ExecutorSetup[]): Promise<Executor[]> {
  const started = await Promise.allSettled(
    setups.map((setup) => (setup.place === 0 ? createExecutor(setup) : startExecutor(setup))),
  );
  const executors = started.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const failed = started.find((start) => start.status === 'rejected');
  if (failed === undefined) return executors;
  await Promise.all(executors.map((executor) => executor.close()));
  throw failed.reason;
}

/** How many executors a step is worth, and how many threads are left to each. A card is used by one. */
export function shareOut(
  { batch, microBatch, threads }: Pick<EngineSpec, 'batch' | 'microBatch' | 'threads'>,
  provider: Provider,
): { readonly executors: number; readonly threads: number } {
  const all = threads === 0 ? availableParallelism() : threads;
  const executors = provider === 'cpu' ? Math.min(batch / microBatch, all) : 1;
  return { executors, threads: Math.floor(all / executors) };
}

function setupsOf(spec: EngineSpec, initial: TrainingState, provider: Provider, graph: GraphOptions): ExecutorSetup[] {
  const { executors, threads } = shareOut(spec, provider);
  const { net, optimizer, microBatch } = spec;
  const parameters = initial.w.length;
  const chunk = Math.min(CHUNK, parameters);
  const chunks = Math.ceil(parameters / chunk);
  const decay = decayOf(spec, optimizer.weightDecay);
  const padded = decay && resized(decay, chunk * chunks);
  const boundary = (place: number) => chunk * Math.floor((chunks * place) / executors);
  const common = {
    ...{ provider, threads, chunk, parameters, part: microBatch },
    net: { image: net.image, maskCount: net.maskCount },
    gradientModel: buildGradientModel(spec, graph),
    updateModel: buildUpdateModel(optimizer, chunk),
    exchange: exchangeOf(spec, initial, chunk * chunks, executors),
  };
  return Array.from({ length: executors }, (_, place) => {
    const [from, to] = [boundary(place), boundary(place + 1)];
    return { ...common, place, from, to, decay: padded && padded.slice(from, to) };
  });
}

function exchangeOf(spec: EngineSpec, initial: TrainingState, padded: number, executors: number): Exchange {
  const { net, batch } = spec;
  const { channels, height, width } = net.image;
  const floats = (length: number): Float32Array => new Float32Array(memory(executors, 4 * length));
  const filled = (values: Float32Array): Float32Array => {
    const padding = floats(padded);
    padding.set(values);
    return padding;
  };
  return {
    w: filled(initial.w),
    m: filled(initial.m),
    v: filled(initial.v),
    gradients: Array.from({ length: executors }, () => floats(padded)),
    images: floats(batch * channels * height * width),
    classes: new Int32Array(memory(executors, 4 * batch)),
    masks: floats(batch * net.maskCount),
  };
}

const memory = (executors: number, bytes: number): ArrayBufferLike =>
  executors > 1 ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);

function resized(values: Float32Array, length: number): Float32Array {
  const result = new Float32Array(length);
  result.set(values);
  return result;
}

function engineOf(
  { batch: size, microBatch, net, optimizer: { clipNorm } }: EngineSpec,
  initial: TrainingState,
  exchange: Exchange,
  executors: readonly Executor[],
): TrainingEngine {
  let running = initial.statistics;

  /** Rounds of one part for each executor, as many as the batch needs. */
  const gradient = async () => {
    const statistics = new Float32Array(net.statisticsCount);
    let loss = 0;
    let squares: number[] = [];
    for (let first = 0; first < size; first += microBatch * executors.length) {
      const parts = Math.min(executors.length, (size - first) / microBatch);
      const passes = await askAll(executors.slice(0, parts), (one, place) => one.pass(first + place * microBatch));
      for (const pass of passes) {
        loss += pass.loss;
        pass.statistics.forEach((value, index) => (statistics[index]! += (value * microBatch) / size));
      }
      squares = (await askAll(executors, (one) => one.add(parts, first === 0))).flat();
    }
    return { loss, statistics, squares };
  };
  return {
    async step(batch, learningRate, step) {
      exchange.images.set(batch.images);
      exchange.classes.set(batch.classes);
      exchange.masks.set(batch.masks);
      const { loss, statistics, squares } = await gradient();
      const total = squares.reduce((sum, value) => sum + value, 0);
      const factor = clipNorm === undefined ? 1 : clipFactor(clipNorm, total);
      await askAll(executors, (one) => one.update(ratesAt(learningRate, step), factor));
      running = blendStatistics(running, statistics);
      return loss;
    },
    async state() {
      await askAll(executors, (one) => one.publish());
      const copy = (values: Float32Array) => values.slice(0, initial.w.length);
      return { w: copy(exchange.w), m: copy(exchange.m), v: copy(exchange.v), statistics: running };
    },
    dispose: async () => void (await askAll(executors, (one) => one.close())),
  };
}

/** The others first: this thread's own executor, which is the first, blocks it. */
async function askAll<R>(
  executors: readonly Executor[],
  command: (executor: Executor, place: number) => Promise<R>,
): Promise<R[]> {
  const [own, ...others] = executors;
  const asked = others.map((executor, index) => command(executor, index + 1));
  return Promise.all([command(own!, 0), ...asked]);
}
