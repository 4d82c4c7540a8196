/** Gradient accumulation: the update of a whole batch from passes over its parts, in both engines. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Layer } from '../../../../contracts/configuration/layers.ts';
import { batchSizes, type EngineFactory, type EngineSpec } from '../../../../services/training/loop/engine.ts';
import { withMasks, type MaskedBatch } from '../../../../services/training/loop/masks.ts';
import { resolveNet } from '../../../../services/training/nets/nets.ts';
import { createOnnxEngine } from '../../../../services/training/onnx/engine.ts';
import { initialState } from '../../../../services/training/nets/parameters.ts';
import { createRandom, normal } from '../../../../services/training/random.ts';
import { loadTfjsEngine } from '../../../../services/training/tfjs/engine.ts';
import { TrainingConfigSchema } from '../../../../contracts/configuration/training.ts';
import { RELATIVE_L2_MAX } from '../onnx/judge.ts';

const SIDE = 12;
const BATCH = 8;
const STEPS = 3;
/** No batch statistics, but dropout, whose masks have to be split as the images are. */
const PLAIN: Layer[] = [
  { type: 'conv', filters: 8, kernel: 3, stride: 1 },
  { type: 'prelu' },
  { type: 'max-pool' },
  { type: 'flatten' },
  { type: 'dropout', rate: 0.5 },
  { type: 'dense', units: 8 },
];
const NORMED: Layer[] = [PLAIN[0]!, { type: 'batch-norm' }, ...PLAIN.slice(1)];
const SETTINGS = [
  { optimizer: { type: 'adam' } },
  // So low a limit that the whole gradient is clipped, which the parts' own lengths would do otherwise.
  { optimizer: { type: 'adamw', clipNorm: 0.1 }, loss: { type: 'arcface', labelSmoothing: 0.1 } },
  { optimizer: { type: 'sgd', clipNorm: 0.1, weightDecay: 0.1 }, loss: { type: 'softmax' } },
] as const;

const onnxEngine = createOnnxEngine('cpu');
const engines = [onnxEngine, await loadTfjsEngine(['@tensorflow/tfjs'])];
for (const engine of engines) {
  const name = engine.framework.split(' ')[0]!;
  for (const settings of SETTINGS) {
    test(`${name}: micro-batches of 2 and 4 give the update of the whole batch, ${settings.optimizer.type}`, async () => {
      const whole = await train(engine, specOf(PLAIN, BATCH, settings));
      for (const microBatch of [2, 4]) {
        const parts = await train(engine, specOf(PLAIN, microBatch, settings));
        const error = distance(parts.change, whole.change);
        assert.ok(error <= RELATIVE_L2_MAX, `micro-batch ${microBatch}: relative L2 of the change ${error}`);
        assert.ok(Math.abs(parts.loss - whole.loss) <= 1e-5 * whole.loss, `loss ${parts.loss}, not ${whole.loss}`);
      }
    });
  }
}

test('micro-batches: batch-norm takes its statistics per pass, in both engines alike', async () => {
  const whole = await train(onnxEngine, specOf(NORMED, BATCH));
  const [onnx, tfjs] = [await train(engines[0]!, specOf(NORMED, 4)), await train(engines[1]!, specOf(NORMED, 4))];
  assert.ok(distance(onnx.change, whole.change) > 100 * RELATIVE_L2_MAX, 'the parts have statistics of their own');
  assert.ok(distance(onnx.statistics, tfjs.statistics) <= RELATIVE_L2_MAX);
  // Means of parts average to the mean of the whole; the convolution before them is still the same at the first step.
  const means = (state: Trained) => state.firstStatistics.subarray(0, 8);
  assert.ok(distance(means(onnx), means(whole)) <= RELATIVE_L2_MAX);
});

test('micro-batches: a batch is rounded down to a multiple, and a small set is one pass', () => {
  assert.equal(batchSizes({ batchSize: 32, microBatch: 8 }, 100), { batch: 32, microBatch: 8 });
  assert.equal(batchSizes({ batchSize: 30, microBatch: 8 }, 100), { batch: 24, microBatch: 8 });
  assert.equal(batchSizes({ batchSize: 32, microBatch: 8 }, 20), { batch: 16, microBatch: 8 });
  assert.equal(batchSizes({ batchSize: 32, microBatch: 8 }, 5), { batch: 5, microBatch: 5 });
});

test('micro-batches: unless configured, half of an even batch whose half is worth statistics of its own', () => {
  assert.equal(batchSizes({ batchSize: 32 }, 100), { batch: 32, microBatch: 16 });
  assert.equal(batchSizes({ batchSize: 32 }, 20), { batch: 20, microBatch: 10 });
  assert.equal(batchSizes({ batchSize: 32 }, 21), { batch: 21, microBatch: 21 });
  assert.equal(batchSizes({ batchSize: 14 }, 100), { batch: 14, microBatch: 14 });
});

interface Trained {
  /** The sum that the steps added to the weights. */
  readonly change: Float32Array;
  readonly firstStatistics: Float32Array;
  readonly statistics: Float32Array;
  readonly loss: number;
}

function specOf(layers: Layer[], microBatch: number, settings: object = {}): EngineSpec {
  const { loss, optimizer } = TrainingConfigSchema.parse(settings);
  const net = resolveNet(layers, { width: SIDE, height: SIDE, channels: 1 });
  return { net, classes: 5, batch: BATCH, microBatch, loss, optimizer, threads: 1 };
}

async function train(factory: EngineFactory, spec: EngineSpec): Promise<Trained> {
  const initial = initialState(spec, 1);
  const engine = await factory.create(spec, { ...initial, w: initial.w.slice() });
  let loss = 0;
  let firstStatistics = initial.statistics;
  for (let step = 1; step <= STEPS; step++) {
    loss = await engine.step(batchAt(spec, step), 0.01, step);
    if (step === 1) firstStatistics = (await engine.state()).statistics.slice();
  }
  const { w, statistics } = await engine.state();
  await engine.dispose();
  return { change: w.map((value, index) => value - initial.w[index]!), firstStatistics, statistics, loss };
}

function batchAt({ net, classes }: EngineSpec, step: number): MaskedBatch {
  const random = createRandom(step);
  const images = Float32Array.from({ length: BATCH * SIDE * SIDE }, () => normal(random));
  return withMasks(
    { images, classes: Int32Array.from({ length: BATCH }, (_, index) => index % classes) },
    net,
    1,
    step,
  );
}

function distance(a: Float32Array, b: Float32Array): number {
  const squares = (value: (index: number) => number) => b.reduce((sum, _, index) => sum + value(index) ** 2, 0);
  return Math.sqrt(squares((index) => a[index]! - b[index]!) / squares((index) => b[index]!));
}

test.run();
