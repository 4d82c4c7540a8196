/** TensorFlow's operators: what TensorFlow.js gives, and what onnxruntime gives after the conversion. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distance } from '../../../../../services/training/backbone/check.ts';
import { convertGraph } from '../../../../../services/training/backbone/tfjs/convert.ts';
import { readGraphModel } from '../../../../../services/training/backbone/tfjs/graph-model.ts';
import { OPERATORS } from '../../../../../services/training/backbone/tfjs/operators.ts';
import { runGraphModel } from '../../../../../services/training/backbone/tfjs/run.ts';
import { withFolder } from '../../../../support/folder.ts';
import { noise, runModel } from '../onnx-models.ts';
import { integers, strided, text, texts, writeGraphModel, type SmallTfNode, type SmallWeight } from './graph-models.ts';

interface Case {
  readonly nodes: readonly SmallTfNode[];
  readonly weights?: Readonly<Record<string, SmallWeight>>;
  readonly inputShape?: readonly number[];
}

const BATCH_NORM = {
  scale: { shape: [3] },
  offset: { shape: [3] },
  mean: { shape: [3] },
  variance: { shape: [3], values: [0.5, 1, 2] },
};
const KERNEL = { kernel: { shape: [3, 3, 3, 4] } };
const DEPTHWISE = { kernel: { shape: [3, 3, 3, 2] } };
const conv = (attr: Readonly<Record<string, object>>, op = 'Conv2D', more: readonly string[] = []): SmallTfNode => ({
  ...{ name: 'y', op, input: ['x', 'kernel', ...more] },
  attr,
});
const node = (op: string, input: readonly string[] = ['x'], attr = {}): SmallTfNode => ({ name: 'y', op, input, attr });
const window = (padding: 'SAME' | 'VALID') => ({ ...strided(padding, 2), ksize: integers(1, 3, 2, 1) });
const ints = (...values: number[]): SmallWeight => ({ shape: [values.length], values, dtype: 'int32' });
const scalar = (value: number): SmallWeight => ({ shape: [], values: [value], dtype: 'int32' });

const CASES: Readonly<Record<string, Case>> = {
  'Conv2D, same, stride 2': { nodes: [conv(strided('SAME', 2))], weights: KERNEL },
  'Conv2D, same, dilated': { nodes: [conv(strided('SAME', 1, 2))], weights: KERNEL },
  'Conv2D, valid': { nodes: [conv(strided('VALID'))], weights: KERNEL },
  'Conv2D, explicit pads': {
    nodes: [
      conv({ ...strided('VALID'), padding: text('EXPLICIT'), explicit_paddings: integers(0, 0, 1, 2, 0, 3, 0, 0) }),
    ],
    weights: KERNEL,
  },
  '_FusedConv2D with bias and Relu6': {
    nodes: [
      conv({ ...strided('SAME'), num_args: { i: '1' }, fused_ops: texts('BiasAdd', 'Relu6') }, '_FusedConv2D', [
        'bias',
      ]),
    ],
    weights: { ...KERNEL, bias: { shape: [4] } },
  },
  '_FusedConv2D with bias and Prelu': {
    nodes: [
      conv({ ...strided('SAME'), fused_ops: texts('BiasAdd', 'Prelu'), num_args: { i: '2' } }, '_FusedConv2D', [
        'bias',
        'slope',
      ]),
    ],
    weights: { ...KERNEL, bias: { shape: [4] }, slope: { shape: [1, 1, 4] } },
  },
  'DepthwiseConv2dNative, stride 2': { nodes: [conv(strided('SAME', 2), 'DepthwiseConv2dNative')], weights: DEPTHWISE },
  FusedDepthwiseConv2dNative: {
    nodes: [
      conv(
        { ...strided('VALID'), num_args: { i: '1' }, fused_ops: texts('BiasAdd', 'Relu') },
        'FusedDepthwiseConv2dNative',
        ['bias'],
      ),
    ],
    weights: { ...DEPTHWISE, bias: { shape: [6] } },
  },
  'MaxPool, same': { nodes: [node('MaxPool', ['x'], window('SAME'))] },
  'MaxPool, valid': { nodes: [node('MaxPool', ['x'], window('VALID'))] },
  'AvgPool, same': { nodes: [node('AvgPool', ['x'], window('SAME'))] },
  BiasAdd: { nodes: [node('BiasAdd', ['x', 'b'])], weights: { b: { shape: [3] } } },
  'Mul by a scalar, Sub from a constant': {
    nodes: [{ name: 'm', op: 'Mul', input: ['x', 's'] }, node('Sub', ['c', 'm'])],
    weights: { s: { shape: [] }, c: { shape: [1, 7, 6, 1] } },
  },
  'Maximum and Minimum with constants first': {
    nodes: [{ name: 'm', op: 'Maximum', input: ['zero', 'x'] }, node('Minimum', ['m', 'half'])],
    weights: { zero: { shape: [], values: [0] }, half: { shape: [1], values: [0.5] } },
  },
  'AddV2 of a picture and its own mean, which lies otherwise': {
    nodes: [
      { name: 'm', op: 'Mean', input: ['x', 'axes'], attr: { keep_dims: { b: false } } },
      node('AddV2', ['x', 'm']),
    ],
    weights: { axes: ints(0) },
  },
  'RealDiv of two pictures': { nodes: [{ name: 'e', op: 'Exp', input: ['x'] }, node('RealDiv', ['x', 'e'])] },
  'Mean over height and width': { nodes: [node('Mean', ['x', 'axes'])], weights: { axes: ints(1, 2) } },
  'Mean over negative axes, kept': {
    nodes: [node('Mean', ['x', 'axes'], { keep_dims: { b: true } })],
    weights: { axes: ints(-3, -2) },
  },
  'Sum over channels': { nodes: [node('Sum', ['x', 'axes'])], weights: { axes: ints(3) } },
  'Max over height and width': { nodes: [node('Max', ['x', 'axes'])], weights: { axes: ints(2, 1) } },
  'Min over rows, kept': {
    nodes: [node('Min', ['x', 'axes'], { keep_dims: { b: true } })],
    weights: { axes: ints(1) },
  },
  FusedBatchNormV3: {
    nodes: [
      node('FusedBatchNormV3', ['x', 'scale', 'offset', 'mean', 'variance'], {
        epsilon: { f: 0.001 },
        is_training: { b: false },
      }),
    ],
    weights: BATCH_NORM,
  },
  Pad: { nodes: [node('Pad', ['x', 'pads'])], weights: { pads: { ...ints(0, 0, 1, 2, 3, 0, 0, 0), shape: [4, 2] } } },
  'PadV2 with a value': {
    nodes: [node('PadV2', ['x', 'pads', 'value'])],
    weights: { pads: { ...ints(0, 0, 1, 2, 3, 0, 0, 1), shape: [4, 2] }, value: { shape: [], values: [0.5] } },
  },
  'ConcatV2 over channels': { nodes: [node('ConcatV2', ['x', 'x', 'axis'])], weights: { axis: scalar(-1) } },
  'ConcatV2 over height': { nodes: [node('ConcatV2', ['x', 'x', 'axis'])], weights: { axis: scalar(1) } },
  'Reshape to rows, MatMul': {
    nodes: [{ name: 'r', op: 'Reshape', input: ['x', 'shape'] }, node('MatMul', ['r', 'w'])],
    weights: { shape: ints(-1, 126), w: { shape: [126, 5] } },
  },
  'Reshape frozen with one image, and back to a picture': {
    nodes: [
      { name: 'r', op: 'Reshape', input: ['x', 'shape'] },
      { name: 'p', op: 'Reshape', input: ['r', 'picture'] },
      node('Relu', ['p']),
    ],
    weights: { shape: ints(1, 126), picture: ints(1, 6, 7, 3) },
  },
  '_FusedMatMul with a turned matrix': {
    nodes: [
      { name: 'm', op: 'Mean', input: ['x', 'axes'] },
      node('_FusedMatMul', ['m', 'w', 'b'], {
        transpose_b: { b: true },
        num_args: { i: '1' },
        fused_ops: texts('BiasAdd', 'Relu'),
      }),
    ],
    weights: { axes: ints(1, 2), w: { shape: [5, 3] }, b: { shape: [5] } },
  },
  'Squeeze of height and width': {
    nodes: [
      { name: 'm', op: 'Mean', input: ['x', 'axes'], attr: { keep_dims: { b: true } } },
      node('Squeeze', ['m'], { squeeze_dims: integers(1, 2) }),
    ],
    weights: { axes: ints(1, 2) },
  },
  'Squeeze of one axis of a picture': {
    nodes: [node('Squeeze', ['x'], { squeeze_dims: integers(1) })],
    inputShape: [-1, 1, 6, 3],
  },
  'Softmax over channels': { nodes: [node('Softmax')] },
  'Softmax of rows': {
    nodes: [{ name: 'm', op: 'Mean', input: ['x', 'axes'] }, node('Softmax', ['m'])],
    weights: { axes: ints(1, 2) },
  },
  Prelu: { nodes: [node('Prelu', ['x', 'slope'])], weights: { slope: { shape: [1, 1, 3] } } },
  LeakyRelu: { nodes: [node('LeakyRelu', ['x'], { alpha: { f: 0.3 } })] },
  'ResizeBilinear, half pixels': {
    nodes: [node('ResizeBilinear', ['x', 'size'], { half_pixel_centers: { b: true }, align_corners: { b: false } })],
    weights: { size: ints(5, 11) },
  },
  'ResizeBilinear, corners aligned': {
    nodes: [node('ResizeBilinear', ['x', 'size'], { half_pixel_centers: { b: false }, align_corners: { b: true } })],
    weights: { size: ints(14, 4) },
  },
  'ResizeBilinear, neither': { nodes: [node('ResizeBilinear', ['x', 'size'])], weights: { size: ints(14, 4) } },
  ResizeNearestNeighbor: { nodes: [node('ResizeNearestNeighbor', ['x', 'size'])], weights: { size: ints(14, 9) } },
};
for (const op of [
  'Relu',
  'Relu6',
  'Sigmoid',
  'Tanh',
  'Softplus',
  'Abs',
  'Neg',
  'Exp',
  'Elu',
  'Floor',
  'Reciprocal',
  'Identity',
  'Square',
])
  (CASES as Record<string, Case>)[op] = { nodes: [node(op)] };
for (const op of ['Sqrt', 'Rsqrt', 'Log'])
  (CASES as Record<string, Case>)[`${op} of squares`] = {
    nodes: [{ name: 's', op: 'Square', input: ['x'] }, node(op, ['s'])],
  };

async function open(path: string) {
  const graph = await readGraphModel(path, readFileSync(path, 'utf8'));
  assert.ok(graph, 'it is a graph model');
  return graph!;
}

for (const [what, { nodes, weights = {}, inputShape = [-1, 7, 6, 3] }] of Object.entries(CASES)) {
  test(`graph model: ${what} gives what TensorFlow.js gives`, () =>
    withFolder(async (folder) => {
      const graph = await open(await writeGraphModel(folder, nodes, weights, { inputShape: [...inputShape] }));
      const [, height, width, channels] = inputShape as [number, number, number, number];
      const area = height * width;
      const theirs = Float32Array.from(noise(area * channels));
      const result = await runGraphModel(graph, 'y', [theirs], [height, width, channels], {
        tf: '@tensorflow/tfjs',
        wasm: 'no-such-package',
      });
      assert.match(result!.by, /^TensorFlow\.js \d.* \(cpu\)$/);
      // Turned here by hand, channels first.
      const ours = Float32Array.from(
        { length: theirs.length },
        (_, at) => theirs[(at % area) * channels + Math.floor(at / area)]!,
      );
      const { values } = await runModel(convertGraph(graph, 'y').model, [1, channels, height, width], ours);
      assert.is(values.length, result!.rows[0]!.length);
      assert.ok(distance(values, result!.rows[0]!) < 1e-6, `${distance(values, result!.rows[0]!)} apart`);
    }));
}

test('graph model: every operator that is converted is compared above', () => {
  const compared = new Set(Object.values(CASES).flatMap(({ nodes }) => nodes.map(({ op }) => op)));
  // Other names of the same, of older and newer converters; TensorFlow.js itself does not know some of them.
  const alike = ['Add', 'Div', 'StopGradient', 'FusedConv2D', 'FusedBatchNorm', 'FusedBatchNormV2'];
  assert.equal(
    Object.keys(OPERATORS).filter((op) => !compared.has(op) && !alike.includes(op)),
    [],
  );
});

test('graph model: weights stored in fewer bits are read as TensorFlow.js reads them', () =>
  withFolder(async (folder) => {
    const path = await writeGraphModel(folder, [node('Mul', ['x', 'w'])], { w: { shape: [3] } });
    const json = JSON.parse(readFileSync(path, 'utf8')) as { weightsManifest: { weights: object[] }[] };
    const stored = [
      [{ dtype: 'float16', original_dtype: 'float32' }, Buffer.from(Uint16Array.of(0x3555, 0xc000, 0x0001).buffer)],
      [{ dtype: 'uint8', scale: 0.017, min: -1.2, original_dtype: 'float32' }, Buffer.of(0, 100, 255)],
      [
        { dtype: 'uint16', scale: 0.00017, min: -3.5, original_dtype: 'float32' },
        Buffer.from(Uint16Array.of(0, 999, 65535).buffer),
      ],
    ] as const;
    for (const [quantization, data] of stored) {
      json.weightsManifest[0]!.weights = [{ name: 'w', shape: [3], dtype: 'float32', quantization }];
      writeFileSync(path, JSON.stringify(json));
      writeFileSync(join(folder, 'weights.bin'), data);
      const graph = await open(path);
      const ones = new Float32Array(126).fill(1);
      const result = await runGraphModel(graph, 'y', [ones], [7, 6, 3], {
        tf: '@tensorflow/tfjs',
        wasm: 'no-such-package',
      });
      assert.equal([...graph.weights.get('w')!.values], [...result!.rows[0]!.subarray(0, 3)], quantization.dtype);
    }
  }));

test('graph model: without TensorFlow.js there is no result, and no error', () =>
  withFolder(async (folder) => {
    const graph = await open(await writeGraphModel(folder, [node('Relu')]));
    assert.is(await runGraphModel(graph, 'y', [], [7, 6, 3], { tf: 'no-such-package', wasm: 'no-such-package' }), null);
  }));

const REFUSED: Readonly<Record<string, readonly [Case, RegExp]>> = {
  'an operator that is not known': [{ nodes: [node('NonMaxSuppressionV5')] }, /node y is a NonMaxSuppressionV5/],
  'a kernel that is computed': [
    { nodes: [{ name: 'kernel', op: 'Relu', input: ['x'] }, conv(strided('SAME'))] },
    /node y \(Conv2D\) cannot be converted: its kernel is computed/,
  ],
  'channels first in TensorFlow': [
    { nodes: [conv({ ...strided('SAME'), data_format: text('NCHW') })], weights: KERNEL },
    /data_format NCHW/,
  ],
  'a fused operation that is not known': [
    { nodes: [conv({ ...strided('SAME'), fused_ops: texts('Swish') }, '_FusedConv2D')], weights: KERNEL },
    /Swish fused into it/,
  ],
  'an input that is no picture': [{ nodes: [node('Relu')], inputShape: [-1, 128] }, /\[-1, 128\], not \[batch, height/],
  'four channels': [{ nodes: [node('Relu')], inputShape: [-1, 8, 8, 4] }, /4 channels/],
};
for (const [what, [{ nodes, weights = {}, inputShape = [-1, 7, 6, 3] }, message]] of Object.entries(REFUSED)) {
  test(`graph model: ${what} is refused`, () =>
    withFolder(async (folder) => {
      const graph = await open(await writeGraphModel(folder, nodes, weights, { inputShape: [...inputShape] }));
      assert.throws(() => convertGraph(graph, 'y'), message);
    }));
}

test.run();
