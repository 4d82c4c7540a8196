/**
 * From a net as data to a ResolvedNet: every layer's shapes, parameters and place in the flat parameter vector.
 * Strategies and exporter work from a ResolvedNet; nothing here computes.
 */
import type { Layer, LeafLayer, ResidualLayer } from '../../../contracts/configuration/layers.ts';
import type { TrainingConfig } from '../../../contracts/configuration/training.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { kindOf } from '../layers/kinds.ts';
import { Misfit, sizeOf, type ParameterSpec, type Shape, type Site } from '../layers/layer.ts';
import { SHIPPED_NETS } from './shipped-nets.ts';

/** A parameter's place in the flat vector. */
export interface ParameterSlot extends ParameterSpec {
  readonly offset: number;
  readonly size: number;
}

/** A layer that holds no others. */
export interface ResolvedLeaf extends Site<LeafLayer> {
  /** Where it stands in the net, as in "2" or "3.layers.1". */
  readonly path: string;
  readonly parameters: readonly ParameterSlot[];
  /** Place of this layer's [means, variances] in the vector of running statistics; size 0 where it has none. */
  readonly statistics: { readonly offset: number; readonly channels: number };
  /** Place of this layer's values in each row of the masks; null where it has none. `keep`: chance of a value to stay. */
  readonly mask: { readonly offset: number; readonly size: number; readonly keep: number } | null;
}

export interface ResolvedResidual {
  readonly layer: ResidualLayer;
  readonly input: Shape;
  readonly output: Shape;
  readonly body: readonly ResolvedLayer[];
  /** Empty: the input itself is added. */
  readonly shortcut: readonly ResolvedLayer[];
}

export type ResolvedLayer = ResolvedLeaf | ResolvedResidual;

/** The input of a net: an image, or a vector of features as an image of one pixel. */
export interface NetInput {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** Digest of what made the features; weights and checkpoints are good for the same one only. */
  readonly madeBy?: string;
}

export interface ResolvedNet {
  readonly image: NetInput;
  readonly layers: readonly ResolvedLayer[];
  /** All layers that hold no others, in the order of their parameters. */
  readonly leaves: readonly ResolvedLeaf[];
  /** Length of an embedding. */
  readonly dimensions: number;
  readonly parameterCount: number;
  readonly statisticsCount: number;
  /** Random values that one image takes in training. */
  readonly maskCount: number;
}

/** Throws NET_INVALID naming the layer (counted from 0), its type and the sizes that do not fit. */
export function resolveNet(net: TrainingConfig['net'], image: NetInput): ResolvedNet {
  const list = typeof net === 'string' ? SHIPPED_NETS[net] : net;
  const taken: Taken = { parameterCount: 0, statisticsCount: 0, maskCount: 0, leaves: [] };
  const { layers, output } = resolveList(list, [image.channels, image.height, image.width], '', taken);
  if (output.length !== 1) throw notFlat(list, output);
  return { image, layers, dimensions: output[0]!, ...taken };
}

/** Consecutive slots from `offset` on. */
export function placed(specs: readonly ParameterSpec[], offset: number): ParameterSlot[] {
  let next = offset;
  return specs.map((spec) => {
    const slot = { ...spec, offset: next, size: sizeOf(spec.shape) };
    next += slot.size;
    return slot;
  });
}

/** The part of each vector that the layers so far have taken. */
interface Taken {
  parameterCount: number;
  statisticsCount: number;
  maskCount: number;
  readonly leaves: ResolvedLeaf[];
}

function resolveList(list: readonly Layer[], input: Shape, prefix: string, taken: Taken) {
  const layers: ResolvedLayer[] = [];
  let shape = input;
  for (const [index, layer] of list.entries()) {
    const path = `${prefix}${index}`;
    const resolved =
      layer.type === 'residual'
        ? resolveResidual(layer, shape, path, taken)
        : resolveLeaf(layer, shape, list[index + 1], path, taken);
    layers.push(resolved);
    shape = resolved.output;
  }
  return { layers, output: shape };
}

function resolveResidual(layer: ResidualLayer, input: Shape, path: string, taken: Taken): ResolvedResidual {
  const body = resolveList(layer.layers, input, `${path}.layers.`, taken);
  const shortcut = resolveList(layer.shortcut ?? [], input, `${path}.shortcut.`, taken);
  const sizes = [body.output, shortcut.output].map((shape) => `[${shape.join(', ')}]`);
  if (sizes[0] !== sizes[1]) {
    const advice = layer.shortcut === undefined ? '; add a "shortcut" that ends in the same sizes' : '';
    throw invalid(path, 'residual', `adds ${sizes[0]} from its layers to ${sizes[1]} from its shortcut${advice}`);
  }
  return { layer, input, output: body.output, body: body.layers, shortcut: shortcut.layers };
}

function resolveLeaf(layer: LeafLayer, input: Shape, next: Layer | undefined, path: string, taken: Taken) {
  const { output, parameters: specs, statistics: channels, keep } = shapeOf(layer, input, next, path);
  const parameters = placed(specs, taken.parameterCount);
  const statistics = { offset: taken.statisticsCount, channels };
  const mask = keep === undefined ? null : { offset: taken.maskCount, size: sizeOf(output), keep };
  const leaf: ResolvedLeaf = { layer, path, input, output, parameters, statistics, mask };
  taken.parameterCount += total(parameters);
  taken.statisticsCount += 2 * channels;
  taken.maskCount += mask?.size ?? 0;
  taken.leaves.push(leaf);
  return leaf;
}

const total = (slots: readonly ParameterSlot[]): number => slots.reduce((sum, { size }) => sum + size, 0);

function shapeOf(layer: LeafLayer, input: Shape, next: Layer | undefined, path: string) {
  try {
    return kindOf(layer).shape(layer, input, next);
  } catch (cause) {
    if (!(cause instanceof Misfit)) throw cause;
    throw invalid(path, layer.type, cause.message, cause);
  }
}

function notFlat(list: readonly Layer[], shape: Shape): PipelineError {
  const last = list.length - 1;
  const reason =
    `ends the net with [${shape.join(', ')}], but an embedding is flat; ` +
    'end with "flatten" or "global-average-pool", and "dense"';
  return invalid(String(last), list[last]!.type, reason);
}

const invalid = (path: string, type: Layer['type'], reason: string, cause?: unknown): PipelineError =>
  new PipelineError('NET_INVALID', `net: layer ${path} (${type}) ${reason}`, { cause });
