/**
 * Nets as data: the shipped ones, and the inference of every layer's shape, parameters and place in the flat parameter
 * vector. Strategies and exporter work from a ResolvedNet; nothing here computes.
 */
import type { Layer, TrainingConfig } from '../../contracts/pipeline.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { ImageSpec } from '../../contracts/values.ts';
import { kindOf } from './layers/kinds.ts';
import { Misfit, sizeOf, type LayerShape, type ParameterSpec, type Shape, type Site } from './layers/layer.ts';

type NetName = Extract<TrainingConfig['net'], string>;

const conv3 = (filters: number): Layer[] => [{ type: 'conv', filters, kernel: 3, stride: 1 }, { type: 'batch-norm' }];
const RELU: Layer = { type: 'relu' };
/** The rectifier after the pool gives the same values as before it, for a quarter of the work. */
const POOL_RELU: Layer[] = [{ type: 'max-pool' }, RELU];

/** At 64x64 pixels face-small trains two to three times as fast as refnet; `npm run bench -- accuracy` measures it. */
const NETS: Readonly<Record<NetName, readonly Layer[]>> = {
  /** Keeps the places of features (flatten): for small sets of aligned faces. */
  'face-small': [
    ...[...conv3(16), ...POOL_RELU],
    ...[...conv3(32), ...POOL_RELU],
    ...[...conv3(64), ...POOL_RELU],
    ...[...conv3(64), RELU],
    { type: 'flatten' },
    { type: 'dense', units: 128 },
  ],
  /** Forgets the places (global average): larger sets, less aligned. */
  refnet: [
    ...[...conv3(32), ...POOL_RELU],
    ...[...conv3(64), ...POOL_RELU],
    ...[...conv3(128), ...POOL_RELU],
    ...[...conv3(128), RELU],
    { type: 'global-average-pool' },
    { type: 'dense', units: 128 },
  ],
};

/** A parameter's place in the flat vector. */
export interface ParameterSlot extends ParameterSpec {
  readonly offset: number;
  readonly size: number;
}

export interface ResolvedLayer extends Site<Layer> {
  readonly parameters: readonly ParameterSlot[];
  /** Place of this layer's [means, variances] in the vector of running statistics; size 0 where it has none. */
  readonly statistics: { readonly offset: number; readonly channels: number };
}

export interface ResolvedNet {
  readonly image: ImageSpec;
  readonly layers: readonly ResolvedLayer[];
  /** Length of an embedding. */
  readonly dimensions: number;
  readonly parameterCount: number;
  readonly statisticsCount: number;
}

/** Throws NET_INVALID naming the layer (counted from 0), its type and the sizes that do not fit. */
export function resolveNet(net: TrainingConfig['net'], image: ImageSpec): ResolvedNet {
  const list = typeof net === 'string' ? NETS[net] : net;
  const layers: ResolvedLayer[] = [];
  let shape: Shape = [image.channels, image.height, image.width];
  let parameterCount = 0;
  let statisticsCount = 0;
  for (const [index, layer] of list.entries()) {
    const { output, parameters: specs, statistics: channels } = shapeAt(list, index, shape);
    const parameters = placed(specs, parameterCount);
    layers.push({ layer, input: shape, output, parameters, statistics: { offset: statisticsCount, channels } });
    parameterCount += total(parameters);
    statisticsCount += 2 * channels;
    shape = output;
  }
  if (shape.length !== 1) throw notFlat(list, shape);
  return { image, layers, dimensions: shape[0]!, parameterCount, statisticsCount };
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

const total = (slots: readonly ParameterSlot[]): number => slots.reduce((sum, { size }) => sum + size, 0);

function shapeAt(list: readonly Layer[], index: number, input: Shape): LayerShape {
  const layer = list[index]!;
  try {
    return kindOf(layer).shape(layer, input, list[index + 1]);
  } catch (cause) {
    if (!(cause instanceof Misfit)) throw cause;
    throw new PipelineError('NET_INVALID', `net: layer ${index} (${layer.type}) ${cause.message}`, { cause });
  }
}

function notFlat(list: readonly Layer[], shape: Shape): PipelineError {
  const last = list.length - 1;
  return new PipelineError(
    'NET_INVALID',
    `net: layer ${last} (${list[last]!.type}) ends the net with [${shape.join(', ')}], but an embedding is flat; ` +
      'end with "flatten" or "global-average-pool", and "dense"',
  );
}
