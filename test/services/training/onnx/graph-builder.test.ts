/** Means in graphs of every version that a backbone may have: onnxruntime runs them, and they are the means. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeModel } from '../../../../services/training/onnx/encoding.ts';
import { GraphBuilder } from '../../../../services/training/onnx/graph-builder.ts';
import { globalAveragePool } from '../../../../services/training/layers/pooling.ts';

const X = Float32Array.from({ length: 2 * 3 * 4 }, (_, at) => 6 * at);

async function meansOf(opset: number) {
  const g = new GraphBuilder({ opset });
  const x = g.input('x', 'float', ['batch', 3, 2, 2]);
  g.output('perImage', g.mean(x, [1, 2, 3]), 'float', ['batch', 1, 1, 1]);
  const site = { layer: { type: 'global-average-pool' }, input: [3, 2, 2], output: [3], parameters: [] } as const;
  g.output(
    'pooled',
    globalAveragePool.infer(g, site, x, () => ''),
    'float',
    ['batch', 3],
  );
  const around = { opsetImport: [{ domain: '', version: opset }], functions: [] };
  const session = await InferenceSession.create(encodeModel(g.build('means'), { around }));
  try {
    const { perImage, pooled } = await session.run({ x: new Tensor('float32', X, [2, 3, 2, 2]) });
    return [perImage!, pooled!].map(({ data, dims }) => ({ values: [...(data as Float32Array)], dims }));
  } finally {
    await session.release();
  }
}

const mean = (from: number, to: number) => X.subarray(from, to).reduce((sum, value) => sum + value, 0) / (to - from);

for (const opset of [13, 17, 18, 20, 21, 26]) {
  test(`graph builder: a mean of operators ${opset}`, async () => {
    const [perImage, pooled] = await meansOf(opset);
    assert.equal(perImage, { values: [mean(0, 12), mean(12, 24)], dims: [2, 1, 1, 1] });
    const channels = Array.from({ length: 6 }, (_, at) => mean(4 * at, 4 * at + 4));
    assert.equal(pooled, { values: channels, dims: [2, 3] });
  });
}

test.run();
