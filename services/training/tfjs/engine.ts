/**
 * Trains with TensorFlow.js: with CUDA where @tensorflow/tfjs-node-gpu is installed, on the processor with
 * @tensorflow/tfjs-node. State stays on the device between steps. Same parameters, loss and schedule as the ONNX engine.
 */
import type * as Tfjs from '@tensorflow/tfjs';
import { PipelineError } from '../../../contracts/errors.ts';
import type { EngineFactory, EngineSpec, TrainingEngine } from '../loop/engine.ts';
import { partOf, type MaskedBatch } from '../loop/masks.ts';
import { blendStatistics, decayOf, type TrainingState } from '../nets/parameters.ts';
import { forward, uploadBatch } from './net.ts';
import type { Tf } from './tf.ts';
import { update, type FlatState } from './optimizer.ts';

/** The first of `packages` that loads. Throws STRATEGY_UNAVAILABLE with the reason of each. */
export async function loadTfjsEngine(packages: readonly string[]): Promise<EngineFactory> {
  const reasons: string[] = [];
  for (const name of packages) {
    try {
      const module: unknown = await import(name);
      const tf = tfjsOf(module);
      await tf.ready();
      return engineFactory(tf, name);
    } catch (cause) {
      reasons.push(`${name}: ${firstLine(cause)}`);
    }
  }
  throw new PipelineError(
    'STRATEGY_UNAVAILABLE',
    `training: strategy "tfjs" cannot run here (${reasons.join('; ')}); ` +
      'on a machine with CUDA install @tensorflow/tfjs-node-gpu ("npm run setup:gpu" in a checkout), or choose ' +
      'training.strategy "onnx-graph"',
  );
}

interface DeviceState extends FlatState {
  /** On this side: it is small, and blended as the other engine does. */
  readonly statistics: Float32Array;
}

function engineFactory(tf: Tf, name: string): EngineFactory {
  return {
    framework: `tfjs on ${name} ${tf.version_core}, backend ${tf.getBackend()}`,
    create: async (spec, initial) => createEngine(tf, spec, initial),
  };
}

function createEngine(tf: Tf, spec: EngineSpec, initial: TrainingState): TrainingEngine {
  const upload = (data: Float32Array): Tfjs.Tensor1D => tf.tensor1d(data);
  let device: DeviceState = { ...initial, w: upload(initial.w), m: upload(initial.m), v: upload(initial.v) };
  const decayed = decayOf(spec, spec.optimizer.weightDecay);
  const decay = decayed && upload(decayed);
  const release = () => tf.dispose([device.w, device.m, device.v]);
  return {
    async step(batch, learningRate, step) {
      const { loss, statistics, next } = tf.tidy(() => {
        const { gradient, ...result } = accumulated(tf, spec, device.w, batch);
        const next = update(tf, spec.optimizer, device, gradient, { learningRate, step }, decay);
        return { ...result, next };
      });
      release();
      const running = blendStatistics(device.statistics, (await statistics.data()) as Float32Array);
      device = { ...next, statistics: running };
      const value = (await loss.data())[0]!;
      tf.dispose([loss, statistics]);
      return value;
    },
    async state() {
      const { w, m, v, statistics } = device;
      // These tensors are float32, so their data is.
      const [a, b, c] = (await Promise.all([w.data(), m.data(), v.data()])) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      return { w: a, m: b, v: c, statistics };
    },
    dispose: async () => {
      release();
      decay?.dispose();
    },
  };
}

// A type, not an interface, because tf.tidy lets only those out.
type Differentiated = {
  readonly loss: Tfjs.Scalar;
  readonly statistics: Tfjs.Tensor1D;
  readonly gradient: Tfjs.Tensor1D;
};

/** The sum over the micro-batches, each with its share of the batch; batch-norm sees one at a time. */
function accumulated(tf: Tf, spec: EngineSpec, weights: Tfjs.Tensor1D, batch: MaskedBatch): Differentiated {
  const { batch: size, microBatch } = spec;
  const share = <V extends Tfjs.Tensor>(value: V): V => tf.mul(value, microBatch / size);
  let sum: Differentiated | null = null;
  for (let first = 0; first < size; first += microBatch) {
    const before: Differentiated | null = sum;
    sum = tf.tidy((): Differentiated => {
      const pass = differentiated(tf, { ...spec, batch: microBatch }, weights, partOf(batch, first, microBatch));
      const shares = { loss: share(pass.loss), statistics: share(pass.statistics), gradient: share(pass.gradient) };
      pass.statistics.dispose();
      return before === null ? shares : added(tf, before, shares);
    });
    if (before !== null) tf.dispose(before);
  }
  return sum!;
}

const added = (tf: Tf, a: Differentiated, b: Differentiated): Differentiated => ({
  loss: tf.add(a.loss, b.loss),
  statistics: tf.add(a.statistics, b.statistics),
  gradient: tf.add(a.gradient, b.gradient),
});

/** `statistics` has to be disposed of by the caller. */
function differentiated(tf: Tf, spec: EngineSpec, weights: Tfjs.Tensor1D, batch: MaskedBatch): Differentiated {
  const inputs = uploadBatch(tf, spec, batch);
  // valueAndGrad keeps only the loss, so the statistics leave by the side.
  let statistics: Tfjs.Tensor1D = tf.zeros([0]);
  const { value: loss, grad } = tf.valueAndGrad((w: Tfjs.Tensor) => {
    const result = forward(tf, spec, inputs, w as Tfjs.Tensor1D);
    statistics = tf.keep(result.statistics);
    return result.loss;
  })(weights);
  return { loss, statistics, gradient: grad as Tfjs.Tensor1D };
}

function tfjsOf(module: unknown): Tf {
  // A CommonJS package arrives under `default`; the packages tried are builds of TensorFlow.js, with its interface.
  const { default: inner, ...names } = module as { default?: Tf };
  return inner ?? (names as unknown as Tf);
}

const firstLine = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]!;
