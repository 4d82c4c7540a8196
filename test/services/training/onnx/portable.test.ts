/** The portable graph against the usual one, on the same processor: other operators, the same gradients. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeModel } from '../../../../services/training/onnx/encoding.ts';
import { buildGradientModel, buildTrainingModel } from '../../../../services/training/onnx/training-graph.ts';
import { caseOf, expectClose, onnxGradient, type Case } from './judge.ts';
import { LAYER_NETS } from '../nets/layer-nets.ts';

/** Operators that onnxruntime's WebGPU provider cannot run or limits. */
const BUFFERS_MAX = 8;
const NOT_PORTABLE = ['FusedMatMul', 'LogSoftmax', 'MaxUnpool', 'Split'];

for (const [name, layers] of LAYER_NETS) {
  test(`portable graph: ${name}, the gradients of the usual one`, async () => {
    await comparePortable(caseOf(layers, { width: 15, height: 11 }, 3));
  });
}

for (const net of ['face-small', 'refnet', 'face-resnet'] as const) {
  test(`portable graph: ${net} with clipped AdamW has the same gradients and only operators that travel`, async () => {
    const subject = caseOf(net, { width: 16, height: 16 }, 1, { optimizer: { type: 'adamw', clipNorm: 1 } });
    await comparePortable(subject);
    const { graph, opsetImport } = decodeModel(buildTrainingModel(subject.spec, { portable: true }));
    assert.equal(
      opsetImport.map(({ domain }) => domain),
      [''],
    );
    for (const { opType, input, output } of graph!.node!) {
      assert.not.ok(NOT_PORTABLE.includes(opType!), opType!);
      assert.ok(input!.length + output!.length <= BUFFERS_MAX, `${opType} binds ${input!.length + output!.length}`);
      if (opType === 'MaxPool') assert.is(output!.length, 1);
    }
  });
}

async function comparePortable(subject: Case): Promise<void> {
  const usual = await onnxGradient(subject, buildGradientModel(subject.spec));
  const portable = await onnxGradient(subject, buildGradientModel(subject.spec, { portable: true }));
  assert.ok(Math.abs(portable.loss - usual.loss) <= 1e-5 * usual.loss, `loss ${portable.loss}, usual ${usual.loss}`);
  expectClose(portable.gradient, usual.gradient, 'gradient');
  expectClose(portable.statistics, usual.statistics, 'batch statistics');
}

test.run();
