/** Old ONNX operators: what each gives before the conversion and after it, under onnxruntime. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lift, type LiftOptions } from '../../../../../services/training/backbone/opset/convert.ts';
import { REWRITES } from '../../../../../services/training/backbone/opset/rewrites.ts';
import { UNCHANGED } from '../../../../../services/training/backbone/opset/unchanged.ts';
import { OPERATORS } from '../../../../../services/training/backbone/tfjs/operators.ts';
import { noise, runModel, smallModel, type Constant, type SmallNode } from '../onnx-models.ts';

interface Case {
  readonly op: string;
  readonly opsets: readonly number[];
  readonly attributes?: SmallNode['attributes'];
  /** After `x`, in order. */
  readonly constants?: readonly (readonly [name: string, value: Constant])[];
  readonly shape?: readonly number[];
  readonly outputs?: readonly string[];
  /** What makes the input, where it must have a shape that a node gives. */
  readonly kept?: boolean;
}

const IMAGE = [2, 3, 4, 6];
const floats = (count: number, seed: number): Constant => ({
  floats: noise(count, seed).map((it) => it + 1.5),
  shape: [count],
});
const NORM = [1, 2, 3, 4].map((seed) => [`c${seed}`, floats(3, seed)] as const);
const scales = (...values: number[]) => ({ floats: values });

const CASES: readonly Case[] = [
  { op: 'BatchNormalization', opsets: [7], constants: NORM, attributes: { spatial: 1, epsilon: { float: 1e-3 } } },
  { op: 'BatchNormalization', opsets: [8], constants: NORM, attributes: { spatial: 0 }, shape: [2, 3] },
  { op: 'BatchNormalization', opsets: [9, 12], constants: NORM, kept: true },
  { op: 'Dropout', opsets: [7, 9, 11], attributes: { ratio: { float: 0.4 } } },
  { op: 'Dropout', opsets: [12], constants: [['ratio', { floats: [0.4], shape: [] }]] },
  { op: 'Clip', opsets: [7, 9, 10], attributes: { min: { float: -0.25 }, max: { float: 0.5 } } },
  { op: 'Clip', opsets: [9], attributes: { max: { float: 0.5 } } },
  { op: 'Clip', opsets: [11, 12], constants: [['low', { floats: [-0.25], shape: [] }]], kept: true },
  { op: 'Pad', opsets: [7, 9, 10], attributes: { pads: [0, 0, 1, 2, 0, 0, 3, 1], value: { float: 0.5 } } },
  { op: 'Pad', opsets: [9], attributes: { pads: [0, 0, 1, 2, 0, 0, 3, 1], mode: 'reflect' } },
  { op: 'Slice', opsets: [7, 9], attributes: { starts: [1, -3], ends: [3, 100], axes: [2, 3] } },
  { op: 'Slice', opsets: [9], attributes: { starts: [0, 1], ends: [1, 3] } },
  { op: 'Squeeze', opsets: [7, 11, 12], attributes: { axes: [1] }, shape: [2, 1, 3] },
  { op: 'Squeeze', opsets: [9], shape: [2, 1, 3], kept: true },
  { op: 'Unsqueeze', opsets: [7, 11, 12], attributes: { axes: [1, 3] }, shape: [2, 3] },
  { op: 'ReduceSum', opsets: [7, 11, 12], attributes: { axes: [2, 3], keepdims: 0 } },
  { op: 'ReduceMean', opsets: [7, 11, 12], attributes: { axes: [2, 3], keepdims: 0 }, kept: true },
  { op: 'Split', opsets: [7, 11, 12], attributes: { axis: 1, split: [2, 1] }, outputs: ['y', 'rest'] },
  { op: 'Softmax', opsets: [7, 9, 11, 12] },
  { op: 'Softmax', opsets: [9], attributes: { axis: 2 } },
  { op: 'Softmax', opsets: [11, 12], attributes: { axis: -1 } },
  { op: 'LogSoftmax', opsets: [7, 12] },
  { op: 'Hardmax', opsets: [9], attributes: { axis: 1 } },
  { op: 'Upsample', opsets: [7], attributes: { mode: 'nearest', scales: scales(1, 1, 2, 3) } },
  { op: 'Upsample', opsets: [7], attributes: { mode: 'nearest', scales: scales(1, 1, 1.7, 1.3) } },
  { op: 'Upsample', opsets: [7], attributes: { mode: 'linear', scales: scales(1, 1, 2, 2) } },
  {
    op: 'Upsample',
    opsets: [9],
    attributes: { mode: 'linear' },
    constants: [['s', { floats: [1, 1, 2, 2.5], shape: [4] }]],
  },
  {
    op: 'Resize',
    opsets: [10],
    attributes: { mode: 'nearest' },
    constants: [['s', { floats: [1, 1, 1.6, 2], shape: [4] }]],
  },
  {
    op: 'Resize',
    opsets: [10],
    attributes: { mode: 'nearest' },
    constants: [['s', { floats: [1, 1, 0.6, 0.7], shape: [4] }]],
  },
  {
    op: 'Resize',
    opsets: [10],
    attributes: { mode: 'linear' },
    constants: [['s', { floats: [1, 1, 0.6, 2], shape: [4] }]],
  },
  { op: 'PRelu', opsets: [7, 9], constants: [['slope', { floats: noise(3, 9), shape: [3, 1, 1] }]], kept: true },
  {
    op: 'Gemm',
    opsets: [7, 9, 11],
    constants: [
      ['w', { floats: noise(12, 3), shape: [3, 4] }],
      ['b', floats(4, 2)],
    ],
    shape: [2, 3],
    kept: true,
  },
  {
    op: 'AveragePool',
    opsets: [7, 10, 11],
    attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] },
    kept: true,
  },
  { op: 'MaxPool', opsets: [7, 8, 10, 12], attributes: { kernel_shape: [2, 2], auto_pad: 'SAME_UPPER' }, kept: true },
];

for (const { op, opsets, attributes = {}, constants = [], shape = IMAGE, outputs = ['y'], kept = false } of CASES) {
  for (const opset of opsets) {
    test(`opset ${opset}: ${op} ${JSON.stringify(attributes)} gives the same after the conversion`, async () => {
      const node = { op, inputs: ['x', ...constants.map(([name]) => name)], outputs, attributes };
      const old = smallModel({ opset, shape, nodes: [node], constants: Object.fromEntries(constants) });
      const { model, rewritten } = lift(old, opset);
      assert.equal(rewritten, kept ? {} : { [op]: 1 });
      assert.equal(Number(model.opsetImport![0]!.version), 17);
      const [before, after] = [await runModel(old, shape), await runModel(model, shape)];
      assert.equal(after.shape, before.shape);
      assert.equal(after.values, before.values);
    });
  }
}

/** Over `x`, which lies between -1 and 1, and over two of it. */
const UNARY =
  'Abs Acos Asin Atan Ceil Cos Elu Exp Floor GlobalAveragePool GlobalMaxPool HardSigmoid Identity LeakyRelu Neg ' +
  'Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare Relu Selu ' +
  'Sigmoid Sin Softplus Softsign Tan Tanh Transpose Flatten LpNormalization';
const BINARY = 'Add Sub Mul Div Max Min Mean Sum Concat';
const UNTOUCHED = [
  ...UNARY.split(' ').map((op) => [op, ['x']] as const),
  ...BINARY.split(' ').map((op) => [op, ['x', 'x']] as const),
];
for (const opset of [7, 9, 11, 12]) {
  test(`opset ${opset}: operators that never changed are taken over and give the same`, async () => {
    for (const [op, inputs] of UNTOUCHED) {
      const node: SmallNode = { op, inputs, outputs: ['y'], ...(op === 'Concat' && { attributes: { axis: 1 } }) };
      const old = smallModel({ opset, shape: IMAGE, nodes: [node] });
      const { model, rewritten } = lift(old, opset);
      assert.equal(rewritten, {});
      const [before, after] = [await runModel(old, IMAGE), await runModel(model, IMAGE)];
      assert.equal([after.shape, after.values], [before.shape, before.values], op);
    }
  });
}

const identity = (op: string, more: Partial<SmallNode> = {}): SmallNode => ({
  op,
  inputs: ['x'],
  outputs: ['y'],
  ...more,
});
const REFUSED: readonly (readonly [what: string, nodes: readonly SmallNode[], message: RegExp, opset?: number])[] = [
  [
    'an operator that is not known',
    [identity('ImageScaler')],
    /version 9\).*: ImageScaler; export it again with version 13/,
  ],
  [
    'two of them, each by its name',
    [identity('RoiAlign'), identity('TopK', { outputs: ['k', 'i'] })],
    /RoiAlign; TopK/,
  ],
  [
    'a dropout whose mask is read',
    [identity('Dropout', { outputs: ['d', 'mask'] }), identity('Cast', { inputs: ['mask'], attributes: { to: 1 } })],
    /Dropout \(its mask is read\)/,
  ],
  [
    'a batch-norm of each place by itself',
    [identity('BatchNormalization', { inputs: ['x', 'a', 'b', 'c', 'd'], attributes: { spatial: 0 } })],
    /BatchNormalization \(spatial = 0/,
  ],
  [
    'a resize that enlarges and reduces',
    [identity('Resize', { inputs: ['x', 'mixed'], attributes: { mode: 'nearest' } })],
    /Resize \(it enlarges one side/,
    10,
  ],
  [
    'a resize whose scales are computed',
    [identity('Resize', { inputs: ['x', 'x'], attributes: { mode: 'nearest' } })],
    /Resize \(its scales are computed\)/,
    10,
  ],
  [
    'a resize of a way that is gone',
    [identity('Resize', { attributes: { coordinate_transformation_mode: 'tf_half_pixel_for_nn' } })],
    /tf_half_pixel_for_nn/,
    11,
  ],
];
for (const [what, nodes, message, opset = 9] of REFUSED) {
  test(`opset ${opset}: ${what} is refused`, () => {
    const constants = { mixed: { floats: [1, 1, 2, 0.5], shape: [4] } };
    assert.throws(() => lift(smallModel({ opset, shape: IMAGE, nodes, constants }), opset), message);
  });
}

test("opset 8: flat slopes of mxnet's PRelu are read as one per channel where that is asked for", async () => {
  const slopes = noise(3, 4);
  const nodes = [{ op: 'PRelu', inputs: ['x', 'slopes'], outputs: ['y'] }];
  const flat = smallModel({ opset: 8, shape: IMAGE, nodes, constants: { slopes: { floats: slopes, shape: [3] } } });
  await runModel(lift(flat, 8).model, IMAGE).then(
    () => assert.unreachable('onnxruntime runs it: the repair is no longer needed'),
    (cause: Error) => assert.match(cause.message, /PRelu|broadcast/i),
  );
  const options: LiftOptions = { slopesPerChannel: true };
  const { values } = await runModel(lift(flat, 8, options).model, IMAGE);
  const x = noise(2 * 3 * 24).map(Math.fround);
  values.forEach((value, at) => {
    const slope = Math.fround(slopes[Math.floor(at / 24) % 3]!);
    assert.is(value, x[at]! < 0 ? Math.fround(x[at]! * slope) : x[at]!);
  });
});

test('opset: the page lists every operator that is taken over', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../../docs/training.md'), 'utf8');
  const names = [...UNCHANGED, ...Object.keys(REWRITES), ...Object.keys(OPERATORS)].filter(
    (op) => !/^Reduce.|V[23]$/.test(op),
  );
  assert.equal(
    names.filter((op) => !new RegExp(`(^|[ (\\\\])${op}\\b`, 'm').test(page)),
    [],
  );
});

test.run();
