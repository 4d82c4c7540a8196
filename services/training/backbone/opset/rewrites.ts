/**
 * The ONNX operators whose form changed between version 7 and 17, each with the nodes that compute the same in version
 * 17: mostly attributes that became inputs. Called by convert.ts; test/.../opset compares each by onnxruntime.
 */
import type { onnx } from 'onnx-proto';
import { encodeAttribute, encodeFloats, encodeIntegers, type Attribute } from '../../onnx/encoding.ts';
import { attributeOf, floatsOf, floatValues, integerOf, integersOf, textOf, type Node } from '../graph-tools.ts';

/** The node cannot be converted exactly; the message says why, where its name alone does not. */
export class Refusal extends Error {}

export interface Rewriting {
  /** The version of the file. */
  readonly from: number;
  readonly slopesPerChannel: boolean;
  readonly constants: ReadonlyMap<string, onnx.ITensorProto>;
  /** Names that something reads. */
  readonly used: ReadonlySet<string>;
  /** Adds a constant to the graph. */
  readonly keep: (tensor: onnx.ITensorProto) => void;
}

/** The nodes in its place; the node itself where it may stay. */
type Rewrite = (node: Node, rewriting: Rewriting) => Node[];

export const REWRITES: Readonly<Record<string, Rewrite>> = {
  BatchNormalization(node, { used, constants }) {
    if ((node.output ?? []).slice(1).some((name) => used.has(name)))
      throw new Refusal('its running statistics are read');
    // Flat scales with spatial = 0 stand for rows of features, where both values of it mean the same.
    const scale = constants.get(node.input?.[1] ?? '');
    if (integerOf(node, 'spatial', 1) === 0 && scale?.dims?.length !== 1)
      throw new Refusal('spatial = 0: it normalises each place by itself');
    const isOld = attributeOf(node, 'spatial') !== undefined || (node.output ?? []).length > 1;
    return isOld ? [{ ...without(node, 'spatial'), output: (node.output ?? []).slice(0, 1) }] : [node];
  },

  /** A net that serves drops nothing. */
  Dropout(node, { used }) {
    if (used.has(node.output?.[1] ?? '')) throw new Refusal('its mask is read');
    return [
      { opType: 'Identity', name: node.name ?? '', input: node.input!.slice(0, 1), output: node.output!.slice(0, 1) },
    ];
  },

  Clip(node, { from, keep }) {
    if (from >= 11) return [node];
    const limit = (name: string) => {
      const value = attributeOf(node, name)?.f;
      return value == null ? '' : floatInput(node, name, [value], [], keep);
    };
    return [{ ...without(node, 'min', 'max'), input: [node.input![0]!, limit('min'), limit('max')] }];
  },

  Pad(node, { from, keep }) {
    if (from >= 11) return [node];
    const pads = integerInput(node, 'pads', integersOf(node, 'pads') ?? [], keep);
    const value = floatInput(node, 'value', [attributeOf(node, 'value')?.f ?? 0], [], keep);
    return [{ ...without(node, 'pads', 'value'), input: [node.input![0]!, pads, value] }];
  },

  Slice(node, { from, keep }) {
    if (from >= 10) return [node];
    const starts = integersOf(node, 'starts') ?? [];
    const axes = integersOf(node, 'axes') ?? starts.map((_, axis) => axis);
    const inputs = { starts, ends: integersOf(node, 'ends') ?? [], axes };
    const added = Object.entries(inputs).map(([name, values]) => integerInput(node, name, values, keep));
    return [{ ...without(node, 'starts', 'ends', 'axes'), input: [node.input![0]!, ...added] }];
  },

  Squeeze: axesAsInput,
  Unsqueeze: axesAsInput,
  ReduceSum: axesAsInput,

  Split(node, { keep }) {
    const sizes = integersOf(node, 'split');
    if (sizes === undefined) return [node];
    return [{ ...without(node, 'split'), input: [node.input![0]!, integerInput(node, 'split', sizes, keep)] }];
  },

  Softmax: overFlatRows,
  LogSoftmax: overFlatRows,
  Hardmax: overFlatRows,

  /** Version 9 has the scales as an input, versions 7 and 8 as an attribute. */
  Upsample(node, { keep }) {
    const given = floatsOf(node, 'scales');
    const scales = given ? floatInput(node, 'scales', given, [given.length], keep) : node.input![1]!;
    return [resized(without(node, 'scales'), scales, 'floor')];
  },

  Resize(node, { from, constants }) {
    if (from >= 11) {
      if (textOf(node, 'coordinate_transformation_mode', '') === 'tf_half_pixel_for_nn')
        throw new Refusal('tf_half_pixel_for_nn, which is no longer there');
      return [node];
    }
    return [
      resized(
        node,
        node.input![1]!,
        textOf(node, 'mode', 'nearest') === 'nearest' ? roundingOf(node, constants) : 'floor',
      ),
    ];
  },

  PRelu(node, { constants, slopesPerChannel, keep }) {
    const slopes = constants.get(node.input?.[1] ?? '');
    if (!slopesPerChannel || slopes?.dims?.length !== 1 || Number(slopes.dims[0]) === 1) return [node];
    const name = nameOf(node, 'slopes');
    keep({ ...slopes, name, dims: [slopes.dims[0]!, 1, 1] });
    return [{ ...node, input: [node.input![0]!, name] }];
  },
};

function axesAsInput(node: Node, { keep }: Rewriting): Node[] {
  const axes = integersOf(node, 'axes');
  if (axes === undefined) return [node];
  return [{ ...without(node, 'axes'), input: [node.input![0]!, integerInput(node, 'axes', axes, keep)] }];
}

/** Before version 13 the axes from `axis` on were taken as one. */
function overFlatRows(node: Node, _rewriting: Rewriting): Node[] {
  const [x, y] = [node.input![0]!, node.output![0]!];
  const [flat, rows, shape] = [nameOf(node, 'flat'), nameOf(node, 'rows'), nameOf(node, 'shape')];
  const axis = integerOf(node, 'axis', 1);
  return [
    make('Flatten', [x], flat, { axis }),
    { ...make(node.opType!, [flat], rows, { axis: 1 }), name: node.name ?? '' },
    make('Shape', [x], shape),
    make('Reshape', [rows, shape], y),
  ];
}

/** Before version 11 a place of the output lay at its index divided by the scale. */
function resized(node: Node, scales: string, rounding: 'floor' | 'ceil'): Node {
  const mode = textOf(node, 'mode', 'nearest');
  const attributes = { mode, coordinate_transformation_mode: 'asymmetric', nearest_mode: rounding };
  return make('Resize', [node.input![0]!, '', scales], node.output![0]!, attributes);
}

/** onnxruntime took the next lower place where it enlarged, and the next higher one where it reduced. */
function roundingOf(node: Node, constants: Rewriting['constants']): 'floor' | 'ceil' {
  const tensor = constants.get(node.input?.[1] ?? '');
  const scales = tensor && floatValues(tensor);
  if (!scales) throw new Refusal('its scales are computed');
  if (scales.every((scale) => scale >= 1)) return 'floor';
  if (scales.every((scale) => scale <= 1)) return 'ceil';
  throw new Refusal('it enlarges one side and reduces the other');
}

const nameOf = (node: Node, part: string): string => `${node.output![0]}/${part}`;

function make(opType: string, input: string[], output: string, attributes: Record<string, Attribute> = {}): Node {
  const attribute = Object.entries(attributes).map(([name, value]) => encodeAttribute(name, value));
  return { opType, input, output: [output], attribute, domain: '' };
}

const without = (node: Node, ...names: readonly string[]): Node => ({
  ...node,
  attribute: (node.attribute ?? []).filter(({ name }) => !names.includes(name ?? '')),
});

function integerInput(node: Node, part: string, values: readonly number[], keep: Rewriting['keep']): string {
  const name = nameOf(node, part);
  keep(encodeIntegers(name, values, [values.length]));
  return name;
}

function floatInput(
  node: Node,
  part: string,
  values: readonly number[],
  shape: readonly number[],
  keep: Rewriting['keep'],
): string {
  const name = nameOf(node, part);
  keep(encodeFloats(name, Float32Array.from(values), shape));
  return name;
}
