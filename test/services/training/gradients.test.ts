/**
 * Every hand-written backward node, the loss and the whole net against TensorFlow.js, which derives gradients itself.
 * Each net below puts the layer in question behind a convolution, so that its input gradient counts too.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as tf from '@tensorflow/tfjs';
import { InferenceSession } from 'onnxruntime-node';
import type { Layer } from '../../../contracts/pipeline.ts';
import { resolveNet } from '../../../services/training/nets.ts';
import { batchFeeds, floats, sessionOptions, vector } from '../../../services/training/onnx/engine.ts';
import { buildGradientModel } from '../../../services/training/onnx/training-graph.ts';
import { initialState } from '../../../services/training/parameters.ts';
import { createRandom, normal } from '../../../services/training/random.ts';
import { forward } from '../../../services/training/tfjs/net.ts';

/** Both compute in float32, in another order. */
const RELATIVE_L2_MAX = 1e-5;

const conv = (filters: number, kernel = 3, stride = 1): Layer => ({ type: 'conv', filters, kernel, stride });
const ends: Layer[] = [{ type: 'flatten' }, { type: 'dense', units: 8 }];
const sides = { even: { width: 16, height: 12 }, odd: { width: 15, height: 11 } };

const NETS: readonly [name: string, layers: Layer[]][] = [
  ['a convolution with bias', [conv(4), conv(5), ...ends]],
  ['a convolution with stride 2', [conv(4), conv(5, 3, 2), ...ends]],
  ['a 1x1 convolution with stride 2', [conv(4), conv(5, 1, 2), ...ends]],
  ['a 5x5 convolution', [conv(3), conv(4, 5), ...ends]],
  ['a convolution with an even kernel', [conv(3), conv(4, 2), ...ends]],
  ['batch-norm over images', [conv(4), { type: 'batch-norm' }, conv(3), ...ends]],
  ['batch-norm over features', [conv(4), ...ends, { type: 'batch-norm' }]],
  ['relu', [conv(4), { type: 'relu' }, ...ends]],
  ['max-pool', [conv(4), { type: 'max-pool' }, ...ends]],
  ['global-average-pool', [conv(4), { type: 'global-average-pool' }, { type: 'dense', units: 8 }]],
  ['dense after dense', [...ends, { type: 'relu' }, { type: 'dense', units: 6 }]],
];

for (const [name, layers] of NETS) {
  for (const [side, size] of Object.entries(sides)) {
    test(`gradients: ${name}, ${side} sides, as TensorFlow.js derives them`, async () => {
      await compare(layers, size, 3);
    });
  }
}

for (const name of ['face-small', 'refnet'] as const) {
  test(`gradients: the whole net ${name}, as TensorFlow.js derives them`, async () => {
    await compare(name, { width: 16, height: 16 }, 1);
  });
}

async function compare(
  layers: Layer[] | 'face-small' | 'refnet',
  size: { width: number; height: number },
  channels: 1 | 3,
): Promise<void> {
  const net = resolveNet(layers, { ...size, channels });
  const spec = { net, classes: 5, batch: 4, cosFace: { scale: 16, margin: 0.2 }, threads: 1 };
  const random = createRandom(7);
  // Away from the initial values, where biases are zero and gammas one, and an error there would not show.
  const w = initialState(spec, 3).w.map((value) => value + 0.05 * normal(random));
  const images = Float32Array.from({ length: 4 * channels * size.width * size.height }, () => normal(random));
  const batch = { images, classes: Int32Array.of(0, 3, 4, 3) };
  const ours = await onnxGradient(spec, batch, w);
  const theirs = tfjsGradient(spec, batch, w);
  assert.ok(Math.abs(ours.loss - theirs.loss) < 1e-5 * theirs.loss, `loss ${ours.loss}, expected ${theirs.loss}`);
  expectClose(ours.gradient, theirs.gradient, 'gradient');
  expectClose(ours.statistics, theirs.statistics, 'batch statistics');
}

type Spec = Parameters<typeof buildGradientModel>[0] & { threads: number };
type Batch = Parameters<typeof batchFeeds>[0];

async function onnxGradient(spec: Spec, batch: Batch, w: Float32Array) {
  const session = await InferenceSession.create(buildGradientModel(spec), sessionOptions(1));
  const out = await session.run({ ...batchFeeds(batch, spec.net.image), w: vector(w) });
  await session.release();
  return {
    loss: floats(out.loss)[0]!,
    gradient: floats(out.gradient),
    statistics: floats(out.statistics),
  };
}

function tfjsGradient(spec: Spec, { images, classes }: Batch, w: Float32Array) {
  return tf.tidy(() => {
    const { channels, height, width } = spec.net.image;
    const planar = tf.tensor4d(images, [spec.batch, channels, height, width]);
    const nhwc: tf.Tensor4D = tf.transpose(planar, [0, 2, 3, 1]);
    const labels = tf.tensor1d(classes, 'int32');
    const at = (point: tf.Tensor) => forward(tf, spec, nhwc, labels, point as tf.Tensor1D);
    const point = tf.tensor1d(w);
    return {
      loss: at(point).loss.dataSync()[0]!,
      gradient: tf
        .grad((value: tf.Tensor) => at(value).loss)(point)
        .dataSync() as Float32Array,
      statistics: at(point).statistics.dataSync() as Float32Array,
    };
  });
}

function expectClose(actual: Float32Array, expected: Float32Array, what: string): void {
  assert.is(actual.length, expected.length, `${what}: length`);
  const difference = length(actual.map((value, index) => value - expected[index]!));
  const error = difference / Math.max(length(expected), Number.MIN_VALUE);
  assert.ok(error <= RELATIVE_L2_MAX, `${what}: relative L2 ${error}, at most ${RELATIVE_L2_MAX}`);
}

const length = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

test.run();
