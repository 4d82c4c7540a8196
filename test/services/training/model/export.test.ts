/**
 * The model that serves against the net that trained: with the running statistics set to those of the batch, the
 * exported file must give the embeddings that TensorFlow.js computes in training, layer kind by layer kind.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as tf from '@tensorflow/tfjs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { exportModel } from '../../../../services/training/model/export.ts';
import { decodeModel } from '../../../../services/training/onnx/encoding.ts';
import { floats } from '../../../../services/training/onnx/session.ts';
import { zNormalise } from '../../../../services/training/input/pixels.ts';
import { createRandom } from '../../../../services/training/random.ts';
import { forward, uploadBatch } from '../../../../services/training/tfjs/net.ts';
import { normaliseRows } from '../../../../services/training/tfjs/layers.ts';
import { caseOf, expectClose, type Case } from '../onnx/judge.ts';
import { LAYER_NETS } from '../nets/layer-nets.ts';

const SIZE = { width: 15, height: 12 };

for (const [name, layers] of LAYER_NETS) {
  test(`export: ${name} serves as it was trained, with standard operators only`, async () => {
    const { spec, w, batch } = caseOf(layers, SIZE, 3);
    const random = createRandom(11);
    const pixels = Uint8Array.from({ length: batch.images.length }, () => 256 * random());
    const images = new Float32Array(pixels.length);
    const size = pixels.length / spec.batch;
    for (let from = 0; from < pixels.length; from += size)
      zNormalise(pixels.subarray(from, from + size), images.subarray(from, from + size));
    // No dropout: a serving model has none.
    const trained = trainedRows({ spec, w, batch: { ...batch, images, masks: batch.masks.fill(1) } });
    const model = exportModel(spec.net, { w, statistics: trained.statistics }, METADATA);
    assert.ok(decodeModel(model).graph!.node!.every(({ domain }) => !domain));
    expectClose(await servedRows(model, pixels, spec.batch), trained.embeddings, 'embeddings');
  });
}

test('export: with mirror the model answers the mean of a picture and its mirror image', async () => {
  const [, layers] = LAYER_NETS[0]!;
  const { spec, w } = caseOf(layers, SIZE, 3);
  const random = createRandom(11);
  const size = 3 * SIZE.width * SIZE.height;
  const pixels = Uint8Array.from({ length: 2 * size }, () => 256 * random());
  const mirrored = pixels.map((_, at) => pixels[at - (at % SIZE.width) + SIZE.width - 1 - (at % SIZE.width)]!);
  const statistics = new Float32Array(spec.net.statisticsCount).fill(1);
  const model = (mirror: boolean) => exportModel(spec.net, { w, statistics }, { ...METADATA, mirror });
  const both = await servedRows(model(true), pixels, 2);
  const [as, turned] = [await servedRows(model(false), pixels, 2), await servedRows(model(false), mirrored, 2)];
  const dimensions = both.length / 2;
  const mean = as.map((value, at) => value + turned[at]!);
  for (let row = 0; row < 2; row++) {
    const length = Math.hypot(...mean.subarray(row * dimensions, (row + 1) * dimensions));
    for (let d = 0; d < dimensions; d++) mean[row * dimensions + d]! /= length;
  }
  expectClose(both, mean, 'embeddings');
  expectClose(await servedRows(model(true), mirrored, 2), mean, 'embeddings of the mirror image');
});

const METADATA = {
  model: 'toy',
  runId: 'run-1',
  datasetDigest: `sha256:${'0'.repeat(64)}`,
  image: { ...SIZE, channels: 3 },
  embeddingDimensions: 8,
  classes: 5,
  framework: 'test',
  metrics: {},
} as const;

function trainedRows({ spec, batch, w }: Case) {
  return tf.tidy(() => {
    const { embeddings, statistics } = forward(tf, spec, uploadBatch(tf, spec, batch), tf.tensor1d(w));
    return {
      embeddings: normaliseRows(tf, embeddings).dataSync() as Float32Array,
      statistics: statistics.dataSync() as Float32Array,
    };
  });
}

async function servedRows(model: Uint8Array, pixels: Uint8Array, count: number): Promise<Float32Array> {
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  const shape = [count, 3, SIZE.height, SIZE.width];
  const { embeddings } = await session.run({ images: new Tensor('float32', Float32Array.from(pixels), shape) });
  await session.release();
  return floats(embeddings);
}

test.run();
