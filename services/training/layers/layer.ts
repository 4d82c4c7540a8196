/**
 * A kind of layer: its shape rule, its nodes for training (forward and backward) and its nodes for inference.
 * One file per kind beside this one; kinds.ts lists them. To add a kind: a member of LayerSchema, a file here, a line
 * in kinds.ts, and its forward formula in tfjs/layers.ts, against whose gradients the tests check the backward nodes.
 */
import type { Layer, LeafLayer } from '../../../contracts/configuration/layers.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';

/** Sizes without the batch: [channels, height, width] or [features]. */
export type Shape = readonly number[];

/** How a parameter starts. `he`: normal with variance 2 / fanIn (He et al., arXiv:1502.01852). */
export type Initial = { readonly he: number } | { readonly constant: number };

export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initial: Initial;
}

/** A layer in its place in a net. */
export interface Site<L extends LeafLayer> {
  readonly layer: L;
  readonly input: Shape;
  readonly output: Shape;
  readonly parameters: readonly ParameterSpec[];
}

export interface LayerShape {
  readonly output: Shape;
  readonly parameters: readonly ParameterSpec[];
  /** Channels whose batch mean and variance are tracked for inference; 0 where nothing is. */
  readonly statistics: number;
  /** Where training multiplies the output by a random mask: the chance that a value is kept. */
  readonly keep?: number;
}

/** Reads by name: a parameter, at inference also `mean` and `variance`, in training also `mask` [batch, values]. */
export type Read = (name: string) => Value;

export interface TrainNodes {
  readonly y: Value;
  /** Batch mean and variance, [channels] each, where the kind tracks them. */
  readonly statistics?: readonly [mean: Value, variance: Value];
  /** Nodes of the gradient, given that of `y`. `dx` is null where `wantsInput` is false. */
  readonly backward: (dy: Value, wantsInput: boolean) => Gradients;
}

export interface Gradients {
  readonly dx: Value | null;
  /** By parameter name, in the parameter's shape. */
  readonly parameters: Readonly<Record<string, Value>>;
}

export interface LayerKind<L extends LeafLayer> {
  /** `next` decides whether a bias makes sense. Throws Misfit. */
  shape(layer: L, input: Shape, next: Layer | undefined): LayerShape;
  train(g: GraphBuilder, site: Site<L>, x: Value, read: Read): TrainNodes;
  infer(g: GraphBuilder, site: Site<L>, x: Value, read: Read): Value;
}

/** A layer that does not fit its input; nets.ts turns it into NET_INVALID with the layer's number. */
export class Misfit extends Error {}

export function spatial(input: Shape): readonly [channels: number, height: number, width: number] {
  const [channels, height, width] = input;
  if (channels === undefined || height === undefined || width === undefined)
    throw new Misfit(`needs an image [channels, height, width], but gets [${input.join(', ')}]`);
  return [channels, height, width];
}

export function flat(input: Shape): number {
  if (input.length !== 1)
    throw new Misfit(
      `needs a flat input, but gets [${input.join(', ')}]; put "flatten" or "global-average-pool" before`,
    );
  return input[0]!;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
