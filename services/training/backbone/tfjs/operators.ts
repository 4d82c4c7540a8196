/**
 * TensorFlow's operators as ONNX nodes: those of which nets that look at pictures are made. One that is not here is
 * refused by convert.ts. Meanings: https://www.tensorflow.org/api_docs/python/tf/raw_ops; the tests compare each with
 * TensorFlow.js.
 */
import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Attribute } from '../../onnx/encoding.ts';
import type { Value } from '../../onnx/graph-writer.ts';
import type { TfNode } from './graph-model.ts';
import {
  asImage,
  asPlain,
  flagOf,
  floats,
  image,
  imageAxes,
  imageAxis,
  integersOf,
  numbersOf,
  plain,
  textOf,
  textsOf,
} from './values.ts';
import { together, transposed, Unfit, weightOf, type Known } from './values.ts';

/** Throws Unfit. */
type Operator = (g: GraphBuilder, node: TfNode, inputs: readonly Known[]) => Known;
type Elementwise = (g: GraphBuilder, x: Value) => Value;

const simple =
  (opType: string): Elementwise =>
  (g, x) =>
    g.node(opType, [x]);

const ELEMENTWISE: Readonly<Record<string, Elementwise>> = {
  ...{ Relu: simple('Relu'), Sigmoid: simple('Sigmoid'), Tanh: simple('Tanh'), Softplus: simple('Softplus') },
  ...{ Abs: simple('Abs'), Neg: simple('Neg'), Exp: simple('Exp'), Log: simple('Log'), Sqrt: simple('Sqrt') },
  ...{ Elu: simple('Elu'), Floor: simple('Floor'), Reciprocal: simple('Reciprocal') },
  ...{ Identity: (_g, x) => x, StopGradient: (_g, x) => x },
  Relu6: (g, x) => g.node('Clip', [x, g.scalar(0), g.scalar(6)]),
  Rsqrt: (g, x) => g.node('Reciprocal', [g.sqrt(x)]),
  Square: (g, x) => g.mul(x, x),
};

const BINARY: Readonly<Record<string, string>> = {
  ...{ Add: 'Add', AddV2: 'Add', BiasAdd: 'Add', Sub: 'Sub', Mul: 'Mul', Div: 'Div', RealDiv: 'Div' },
  ...{ Maximum: 'Max', Minimum: 'Min', Prelu: 'PRelu' },
};

const REDUCTIONS: Readonly<Record<string, string>> = {
  ...{ Mean: 'ReduceMean', Sum: 'ReduceSum', Max: 'ReduceMax', Min: 'ReduceMin' },
};

export const OPERATORS: Readonly<Record<string, Operator>> = {
  ...mapped(
    ELEMENTWISE,
    (change) =>
      (g, _node, [x]) =>
        elementwise(g, change, x!),
  ),
  ...mapped(
    BINARY,
    (opType) =>
      (g, _node, [a, b]) =>
        binary(g, opType, a!, b!),
  ),
  ...mapped(
    REDUCTIONS,
    (opType) =>
      (g, node, [x, axes]) =>
        reduced(g, opType, node, x!, numbersOf(axes!, 'axes')),
  ),
  ...{ Conv2D: convolution, _FusedConv2D: convolution, FusedConv2D: convolution },
  ...{ DepthwiseConv2dNative: convolution, FusedDepthwiseConv2dNative: convolution },
  ...{ MatMul: product, _FusedMatMul: product },
  ...{ MaxPool: pool('MaxPool'), AvgPool: pool('AveragePool') },
  ...{ FusedBatchNorm: batchNorm, FusedBatchNormV2: batchNorm, FusedBatchNormV3: batchNorm },
  ...{ Pad: pad, PadV2: pad, ConcatV2: concat, Reshape: reshape, Squeeze: squeeze, Softmax: softmax },
  ...{ ResizeBilinear: resizeBilinear, ResizeNearestNeighbor: resizeNearest },
  LeakyRelu: (g, node, [x]) => elementwise(g, leaky(node, 'alpha'), x!),
};

function mapped<T>(table: Readonly<Record<string, T>>, to: (value: T) => Operator): Record<string, Operator> {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, to(value)]));
}

const leaky =
  (node: TfNode, name: string): Elementwise =>
  (g, x) =>
    g.node('LeakyRelu', [x], { attributes: { alpha: { float: node.attr[name]?.f ?? 0.2 } } });

function elementwise(g: GraphBuilder, change: Elementwise, x: Known): Known {
  return x.type === 'image' ? image(change(g, x.value)) : plain(change(g, asPlain(g, x)));
}

function binary(g: GraphBuilder, opType: string, a: Known, b: Known): Known {
  const { values, of } = together(g, a, b);
  return of(g.node(opType, values));
}

/** Kernels lie [height, width, channels, filters], or [height, width, channels, filters of each] where one channel each. */
function convolution(g: GraphBuilder, node: TfNode, [x, kernel, ...more]: readonly Known[]): Known {
  checkLayout(node);
  const weight = weightOf(kernel!, 'kernel');
  const [height, width, channels, filters] = weight.shape as [number, number, number, number];
  const isDepthwise = node.op.includes('Depthwise');
  const turned = transposed(weight, isDepthwise ? [2, 3, 0, 1] : [3, 2, 0, 1]);
  const shape = isDepthwise ? [channels * filters, 1, height, width] : turned.shape;
  const attributes = {
    ...window(node),
    ...gaps(node, [height, width]),
    kernel_shape: [height, width],
    group: isDepthwise ? channels : 1,
  };
  const y = g.node('Conv', [asImage(g, x!), floats(g, { ...turned, shape })], { attributes });
  return fused(g, node, image(y), more);
}

function product(g: GraphBuilder, node: TfNode, [a, b, ...more]: readonly Known[]): Known {
  const side = (known: Known, flag: string) =>
    flagOf(node, flag) ? g.node('Transpose', [asPlain(g, known)], { attributes: { perm: [1, 0] } }) : asPlain(g, known);
  return fused(g, node, plain(g.node('MatMul', [side(a!, 'transpose_a'), side(b!, 'transpose_b')])), more);
}

/** What an optimiser of TensorFlow's has drawn into the node, in its order. */
function fused(g: GraphBuilder, node: TfNode, y: Known, operands: readonly Known[]): Known {
  const left = [...operands];
  return textsOf(node, 'fused_ops').reduce((value, op) => {
    if (op === 'BiasAdd' || op === 'Prelu') return binary(g, BINARY[op]!, value, left.shift()!);
    if (op === 'LeakyRelu') return elementwise(g, leaky(node, 'leakyrelu_alpha'), value);
    const change = ELEMENTWISE[op];
    if (change === undefined) throw new Unfit(`${op} fused into it`);
    return elementwise(g, change, value);
  }, y);
}

function checkLayout(node: TfNode): void {
  const layout = textOf(node, 'data_format');
  if (layout !== '' && layout !== 'NHWC') throw new Unfit(`data_format ${layout}`);
}

function window(node: TfNode): Record<string, Attribute> {
  const [, down = 1, across = 1] = integersOf(node, 'strides');
  const padding = textOf(node, 'padding');
  const strides = [down, across];
  // TensorFlow puts the odd pixel of "same" at the end, as SAME_UPPER does.
  if (padding === 'SAME') return { strides, auto_pad: 'SAME_UPPER' };
  if (padding === 'VALID') return { strides };
  if (padding !== 'EXPLICIT') throw new Unfit(`padding ${padding}`);
  const [top, bottom, left, right] = integersOf(node, 'explicit_paddings').slice(2, 6) as [
    number,
    number,
    number,
    number,
  ];
  return { strides, pads: [top, left, bottom, right] };
}

/** onnxruntime has no SAME_UPPER for kernels with gaps; TensorFlow gives those no stride, so their pads are fixed. */
function gaps(node: TfNode, [height, width]: readonly [number, number]): Record<string, Attribute> {
  const [, down = 1, across = 1] = integersOf(node, 'dilations');
  if (down === 1 && across === 1) return {};
  const strides = integersOf(node, 'strides');
  if (strides.some((stride) => stride > 1)) throw new Unfit('strides and dilations at once');
  const dilations = [down, across];
  if (textOf(node, 'padding') !== 'SAME') return { dilations };
  const [rows, columns] = [down * (height - 1), across * (width - 1)];
  const before = [Math.floor(rows / 2), Math.floor(columns / 2)] as const;
  return { dilations, auto_pad: 'NOTSET', pads: [...before, rows - before[0], columns - before[1]] };
}

function pool(opType: string): Operator {
  return (g, node, [x]) => {
    checkLayout(node);
    const [batch = 1, height = 1, width = 1, channels = 1] = integersOf(node, 'ksize');
    if (batch !== 1 || channels !== 1) throw new Unfit('it pools over images or channels');
    return image(g.node(opType, [asImage(g, x!)], { attributes: { ...window(node), kernel_shape: [height, width] } }));
  };
}

function batchNorm(g: GraphBuilder, node: TfNode, [x, scale, offset, mean, variance]: readonly Known[]): Known {
  checkLayout(node);
  const epsilon = node.attr.epsilon?.f;
  if (flagOf(node, 'is_training') || epsilon === undefined)
    throw new Unfit('it is in training, or without its epsilon');
  const constants = [scale, offset, mean, variance].map((known) => asPlain(g, known!));
  return image(
    g.node('BatchNormalization', [asImage(g, x!), ...constants], { attributes: { epsilon: { float: epsilon } } }),
  );
}

function reduced(g: GraphBuilder, opType: string, node: TfNode, x: Known, axes: readonly number[]): Known {
  const keep = flagOf(node, 'keep_dims');
  const places = imageAxes(axes);
  // Without height and width a picture is rows of channels, which lie alike for both.
  const staysImage = x.type === 'image' && (keep || places.join() === '2,3');
  const value = reduce(g, opType, staysImage ? x.value : asPlain(g, x), staysImage ? places : axes, keep);
  return staysImage && keep ? image(value) : plain(value);
}

function reduce(g: GraphBuilder, opType: string, x: Value, axes: readonly number[], keep: boolean): Value {
  if (opType === 'ReduceSum') return g.sum(x, axes, keep);
  return g.node(opType, [x], { attributes: { axes: [...axes], keepdims: keep ? 1 : 0 } });
}

function pad(g: GraphBuilder, _node: TfNode, [x, paddings, value]: readonly Known[]): Known {
  const pairs = numbersOf(paddings!, 'paddings');
  const filling = g.scalar(value ? numbersOf(value, 'value')[0]! : 0);
  const of = (side: 0 | 1) => pairs.filter((_, at) => at % 2 === side);
  const [before, after] = [of(0), of(1)];
  if (before.length !== 4) return plain(g.node('Pad', [asPlain(g, x!), g.integers([...before, ...after]), filling]));
  const turn = ([batch, height, width, channels]: number[]) => [batch!, channels!, height!, width!];
  return image(g.node('Pad', [asImage(g, x!), g.integers([...turn(before), ...turn(after)]), filling]));
}

function concat(g: GraphBuilder, _node: TfNode, inputs: readonly Known[]): Known {
  const values = inputs.slice(0, -1);
  const axis = numbersOf(inputs.at(-1)!, 'axis')[0]!;
  if (!values.some(({ type }) => type === 'image'))
    return plain(
      g.concat(
        values.map((known) => asPlain(g, known)),
        axis,
      ),
    );
  return image(
    g.concat(
      values.map((known) => asImage(g, known)),
      imageAxis(axis),
    ),
  );
}

function reshape(g: GraphBuilder, _node: TfNode, [x, shape]: readonly Known[]): Known {
  const sizes = numbersOf(shape!, 'shape');
  // A graph that was frozen with one image is opened for more.
  const isOpen = sizes.includes(-1) || sizes[0] !== 1;
  return plain(g.reshape(asPlain(g, x!), isOpen ? sizes : [-1, ...sizes.slice(1)]));
}

function squeeze(g: GraphBuilder, node: TfNode, [x]: readonly Known[]): Known {
  const axes = integersOf(node, 'squeeze_dims');
  if (axes.length === 0) throw new Unfit('without squeeze_dims');
  const places = imageAxes(axes);
  const isRows = x!.type === 'image' && places.join() === '2,3';
  const value = isRows ? x!.value : asPlain(g, x!);
  return plain(g.node('Squeeze', [value, g.integers(isRows ? places : axes)]));
}

function softmax(g: GraphBuilder, _node: TfNode, [x]: readonly Known[]): Known {
  if (x!.type === 'image') return image(g.node('Softmax', [x!.value], { attributes: { axis: 1 } }));
  return plain(g.node('Softmax', [asPlain(g, x!)], { attributes: { axis: -1 } }));
}

function resizeBilinear(g: GraphBuilder, node: TfNode, [x, size]: readonly Known[]): Known {
  const mode = flagOf(node, 'align_corners')
    ? 'align_corners'
    : flagOf(node, 'half_pixel_centers')
      ? 'half_pixel'
      : 'asymmetric';
  return resized(g, x!, size!, { mode: 'linear', coordinate_transformation_mode: mode });
}

function resizeNearest(g: GraphBuilder, node: TfNode, [x, size]: readonly Known[]): Known {
  for (const flag of ['align_corners', 'half_pixel_centers']) if (flagOf(node, flag)) throw new Unfit(flag);
  return resized(g, x!, size!, {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  });
}

function resized(g: GraphBuilder, x: Known, size: Known, attributes: Record<string, Attribute>): Known {
  const value = asImage(g, x);
  const outer = g.node('Slice', [g.node('Shape', [value]), g.integers([0]), g.integers([2])]);
  return image(
    g.node('Resize', [value, '', '', g.concat([outer, g.integers(numbersOf(size, 'size'))], 0)], { attributes }),
  );
}
