/**
 * The values of a TensorFlow graph while it becomes an ONNX one. A picture that a net made lies channels first, whatever
 * TensorFlow calls its axes; everything else lies as TensorFlow has it. Called by convert.ts and operators.ts.
 */
import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph-writer.ts';
import type { TfNode, Weight } from './graph-model.ts';

export type Known =
  /** Not in the graph yet, because its use decides how it lies there. */
  | { readonly type: 'constant'; readonly weight: Weight }
  /** [batch, height, width, channels] for TensorFlow, [batch, channels, height, width] here. */
  | { readonly type: 'image'; readonly value: Value }
  | { readonly type: 'plain'; readonly value: Value };

/** A node cannot be converted exactly; the message says why, where its operator alone does not. */
export class Unfit extends Error {}

const TO_IMAGE = [0, 3, 1, 2] as const;
const TO_PLAIN = [0, 2, 3, 1] as const;

export const image = (value: Value): Known => ({ type: 'image', value });
export const plain = (value: Value): Known => ({ type: 'plain', value });

/** Where an axis of TensorFlow's picture lies here; negative ones count from the end. */
export const imageAxis = (axis: number): number => TO_PLAIN[axis < 0 ? axis + 4 : axis]!;

export const imageAxes = (axes: readonly number[]): number[] => axes.map(imageAxis).sort((a, b) => a - b);

export function asPlain(g: GraphBuilder, known: Known): Value {
  if (known.type === 'constant') return floats(g, known.weight);
  if (known.type === 'plain') return known.value;
  return g.node('Transpose', [known.value], { attributes: { perm: TO_PLAIN } });
}

export function asImage(g: GraphBuilder, known: Known): Value {
  if (known.type === 'image') return known.value;
  if (known.type === 'plain') return g.node('Transpose', [known.value], { attributes: { perm: TO_IMAGE } });
  const { weight } = known;
  if (weight.shape.length > 4) throw new Unfit(`a constant of ${weight.shape.length} axes`);
  const shape = [...Array<number>(4 - weight.shape.length).fill(1), ...weight.shape];
  return floats(g, transposed({ ...weight, shape }, TO_IMAGE));
}

/** Both operands so that they fit each other, and how the result lies. */
export function together(
  g: GraphBuilder,
  a: Known,
  b: Known,
): { readonly values: [Value, Value]; readonly of: typeof plain } {
  const isImage = (known: Known) => known.type === 'image';
  const isFixed = (known: Known) => known.type === 'constant';
  if ((isImage(a) && (isImage(b) || isFixed(b))) || (isFixed(a) && isImage(b)))
    return { values: [asImage(g, a), asImage(g, b)], of: image };
  return { values: [asPlain(g, a), asPlain(g, b)], of: plain };
}

/** `perm` as in ONNX: axis i of the result is axis perm[i] of the tensor. */
export function transposed({ shape, values }: Weight, perm: readonly number[]): Weight {
  const result = perm.map((axis) => shape[axis]!);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const steps = perm.map((axis) => strides[axis]!);
  const moved = values.slice();
  for (let at = 0; at < moved.length; at++) {
    let [rest, from] = [at, 0];
    for (let axis = result.length - 1; axis >= 0; axis--) {
      from += (rest % result[axis]!) * steps[axis]!;
      rest = Math.floor(rest / result[axis]!);
    }
    moved[at] = values[from]!;
  }
  return { shape: result, values: moved };
}

export const floats = (g: GraphBuilder, { shape, values }: Weight): Value => g.floats(Float32Array.from(values), shape);

/** The tensor that must not be computed. Throws Unfit. */
export function weightOf(known: Known, what: string): Weight {
  if (known.type !== 'constant') throw new Unfit(`its ${what} is computed`);
  return known.weight;
}

export const numbersOf = (known: Known, what: string): number[] => [...weightOf(known, what).values];

export const integersOf = (node: TfNode, name: string): number[] => (node.attr[name]?.list?.i ?? []).map(Number);
export const flagOf = (node: TfNode, name: string): boolean => node.attr[name]?.b ?? false;
export const textOf = (node: TfNode, name: string): string => decoded(node.attr[name]?.s ?? '');
export const textsOf = (node: TfNode, name: string): string[] => (node.attr[name]?.list?.s ?? []).map(decoded);

const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString();
