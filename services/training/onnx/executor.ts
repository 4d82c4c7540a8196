/**
 * One of the executors that share an update of data-parallel.ts: it computes gradients of parts of a batch, and updates
 * its own range of the parameters. They exchange gradients in memory that all of them see. Runs in the calling thread,
 * which it blocks; executor.thread.ts puts one into a thread of its own.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Provider } from '../../../contracts/configuration/training.ts';
import { batchFeeds, floats, sessionOptions, vector, type FedNet } from './session.ts';

/** The memory that all executors of one training see: shared memory, or ordinary memory where there is only one. */
export interface Exchange {
  /** Padded to whole chunks. `w` is up to date between two commands, `m` and `v` once `publish` was carried out. */
  readonly w: Float32Array;
  readonly m: Float32Array;
  readonly v: Float32Array;
  /** One for each executor: the gradient of the pass that it ran last. */
  readonly gradients: readonly Float32Array[];
  /** The batch of this step. */
  readonly images: Float32Array;
  readonly classes: Int32Array;
  readonly masks: Float32Array;
}

export interface ExecutorSetup {
  /** buildGradientModel and buildUpdateModel: of one part of the batch, and of one chunk of the parameters. */
  readonly gradientModel: Uint8Array;
  readonly updateModel: Uint8Array;
  readonly provider: Provider;
  readonly threads: number;
  /** Number of this executor, and the range of the parameters that it updates: whole chunks. */
  readonly place: number;
  readonly from: number;
  readonly to: number;
  readonly chunk: number;
  readonly parameters: number;
  /** Weight decay of each parameter in the range; null where there is none. */
  readonly decay: Float32Array | null;
  readonly net: FedNet;
  /** Images in a part. */
  readonly part: number;
  readonly exchange: Exchange;
}

export interface Pass {
  readonly loss: number;
  readonly statistics: Float32Array;
}

export interface Executor {
  /** The gradient of the images from `first` on goes to `gradients[place]`. */
  pass(first: number): Promise<Pass>;
  /**
   * Adds the gradients of the first `count` executors, in this order, to the sum of the range; `isFirst` begins a new
   * sum. Where gradients are clipped it answers the sum's squares, by chunk: their total is the same for all ranges.
   */
  add(count: number, isFirst: boolean): Promise<readonly number[]>;
  /** `factor` clips the gradient. */
  update(rates: Float32Array, factor: number): Promise<void>;
  publish(): Promise<void>;
  /** Nothing of it is left running when this resolves. */
  close(): Promise<void>;
}

export async function createExecutor(setup: ExecutorSetup): Promise<Executor> {
  const { exchange, place, from, to, parameters, part, net } = setup;
  const gradientSession = await InferenceSession.create(
    setup.gradientModel,
    sessionOptions(setup.threads, setup.provider),
  );
  const updateSession = await InferenceSession.create(setup.updateModel, sessionOptions(setup.threads));
  const isClipped = updateSession.inputNames.includes('factor');
  const ranged = (values: Float32Array) => values.subarray(from, to);
  const [w, m, v] = [ownCopy(exchange.w), ownCopy(ranged(exchange.m)), ownCopy(ranged(exchange.v))];
  const gradient = ownCopy(exchange.gradients[place]!);
  const sum = new Float32Array(to - from);
  const chunks = cut(setup, { w: ranged(w), m, v, gradient: sum });
  const whole = vector(w.subarray(0, parameters));
  const fetches = { gradient: vector(gradient.subarray(0, parameters)), loss: null, statistics: null };

  const partOf = (values: Float32Array, first: number): Float32Array => {
    const width = values.length / exchange.classes.length;
    return ownCopy(values.subarray(first * width, (first + part) * width));
  };
  return {
    async pass(first) {
      transfer(exchange.w, w);
      const classes = exchange.classes.slice(first, first + part);
      const batch = { images: partOf(exchange.images, first), classes, masks: partOf(exchange.masks, first) };
      const out = await gradientSession.run({ ...batchFeeds(batch, net), w: whole }, fetches);
      transfer(gradient, exchange.gradients[place]!);
      return { loss: floats(out.loss)[0]!, statistics: floats(out.statistics) };
    },
    async add(count, isFirst) {
      for (let other = 0; other < count; other++) {
        const addend = ranged(exchange.gradients[other]!);
        if (isFirst && other === 0) sum.set(addend);
        else addTo(sum, addend);
      }
      return isClipped ? chunks.map((feeds) => squaresOf(floats(feeds.gradient))) : [];
    },
    async update(rates, factor) {
      const shared = { rates: vector(rates), ...(isClipped && { factor: vector(Float32Array.of(factor)) }) };
      for (const chunk of chunks)
        await updateSession.run({ ...chunk, ...shared }, { w_next: chunk.w, m_next: chunk.m, v_next: chunk.v });
      transfer(ranged(w), ranged(exchange.w));
    },
    async publish() {
      transfer(m, ranged(exchange.m));
      transfer(v, ranged(exchange.v));
    },
    async close() {
      await gradientSession.release();
      await updateSession.release();
    },
  };
}

type Chunk = Readonly<Record<'w' | 'm' | 'v' | 'gradient', Tensor>> & { readonly decay?: Tensor };

function cut(
  { from, to, chunk, decay }: ExecutorSetup,
  vectors: Readonly<Record<'w' | 'm' | 'v' | 'gradient', Float32Array>>,
): Chunk[] {
  const named = { ...vectors, ...(decay && { decay }) };
  return Array.from({ length: (to - from) / chunk }, (_, index) => {
    const piece = (values: Float32Array) => vector(values.subarray(index * chunk, (index + 1) * chunk));
    // The same names, each with its piece.
    return Object.fromEntries(Object.entries(named).map(([name, values]) => [name, piece(values)])) as Chunk;
  });
}

/** onnxruntime takes no shared memory: a copy then, and else the very same memory. */
const ownCopy = (values: Float32Array): Float32Array =>
  values.buffer instanceof SharedArrayBuffer ? values.slice() : values;

function transfer(from: Float32Array, to: Float32Array): void {
  if (from.buffer !== to.buffer) to.set(from);
}

function addTo(sum: Float32Array, addend: Float32Array): void {
  for (let index = 0; index < sum.length; index++) sum[index]! += addend[index]!;
}

function squaresOf(values: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]! ** 2;
  return sum;
}
