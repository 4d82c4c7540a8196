/** The same training step in two hands: our graph, and TensorFlow.js, which derives the gradient itself. */
import * as assert from 'uvu/assert';
import * as tf from '@tensorflow/tfjs';
import { InferenceSession } from 'onnxruntime-node';
import type { z } from 'zod';
import { TrainingConfigSchema, type TrainingConfig } from '../../../../contracts/configuration/training.ts';
import type { EngineSpec } from '../../../../services/training/loop/engine.ts';
import { withMasks, type MaskedBatch } from '../../../../services/training/loop/masks.ts';
import { resolveNet } from '../../../../services/training/nets/nets.ts';
import { graphOptionsFor } from '../../../../services/training/onnx/engine.ts';
import { batchFeeds, floats, sessionOptions, vector } from '../../../../services/training/onnx/session.ts';
import { buildGradientModel } from '../../../../services/training/onnx/training-graph.ts';
import { initialState } from '../../../../services/training/nets/parameters.ts';
import { createRandom, normal } from '../../../../services/training/random.ts';
import { forward, uploadBatch } from '../../../../services/training/tfjs/net.ts';

/** Both compute in float32, in another order. */
export const RELATIVE_L2_MAX = 1e-5;

export interface Case {
  readonly spec: EngineSpec;
  readonly batch: MaskedBatch;
  readonly w: Float32Array;
}

/** Four images of five people with random pixels, under the loss and optimiser that `config` says. */
export function caseOf(
  net: TrainingConfig['net'],
  size: { width: number; height: number },
  channels: 1 | 3,
  config: z.input<typeof TrainingConfigSchema> = {},
): Case {
  const { loss, optimizer } = TrainingConfigSchema.parse(config);
  const resolved = resolveNet(net, { ...size, channels });
  const spec = { net: resolved, classes: 5, batch: 4, microBatch: 4, loss, optimizer, threads: 1 };
  const random = createRandom(7);
  // Away from the initial values, where biases are zero and gammas one, and an error there would not show.
  const w = initialState(spec, 3).w.map((value) => value + 0.05 * normal(random));
  const images = Float32Array.from({ length: 4 * channels * size.width * size.height }, () => normal(random));
  const batch = withMasks({ images, classes: Int32Array.of(0, 3, 4, 3) }, resolved, 5, 1);
  return { spec, batch, w };
}

export async function compareGradients(subject: Case): Promise<void> {
  const options = await graphOptionsFor('cpu');
  const ours = await onnxGradient(subject, buildGradientModel(subject.spec, options));
  const theirs = tfjsGradient(subject);
  assert.ok(Math.abs(ours.loss - theirs.loss) < 1e-5 * theirs.loss, `loss ${ours.loss}, expected ${theirs.loss}`);
  expectClose(ours.gradient, theirs.gradient, 'gradient');
  expectClose(ours.statistics, theirs.statistics, 'batch statistics');
}

export async function onnxGradient({ spec, batch, w }: Case, model = buildGradientModel(spec)) {
  const session = await InferenceSession.create(model, sessionOptions(1));
  const out = await session.run({ ...batchFeeds(batch, spec.net), w: vector(w) });
  await session.release();
  return {
    loss: floats(out.loss)[0]!,
    gradient: floats(out.gradient),
    statistics: floats(out.statistics),
  };
}

function tfjsGradient({ spec, batch, w }: Case) {
  return tf.tidy(() => {
    const inputs = uploadBatch(tf, spec, batch);
    // valueAndGrad keeps only the loss, so the statistics leave by the side.
    let statistics = new Float32Array(0);
    const { value, grad } = tf.valueAndGrad((point: tf.Tensor) => {
      const result = forward(tf, spec, inputs, point as tf.Tensor1D);
      statistics = result.statistics.dataSync<'float32'>().slice();
      return result.loss;
    })(tf.tensor1d(w));
    return { loss: value.dataSync()[0]!, gradient: grad.dataSync() as Float32Array, statistics };
  });
}

export function expectClose(actual: Float32Array, expected: Float32Array, what: string): void {
  assert.is(actual.length, expected.length, `${what}: length`);
  const difference = length(actual.map((value, index) => value - expected[index]!));
  const error = difference / Math.max(length(expected), Number.MIN_VALUE);
  assert.ok(error <= RELATIVE_L2_MAX, `${what}: relative L2 ${error}, at most ${RELATIVE_L2_MAX}`);
}

const length = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
