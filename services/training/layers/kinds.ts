/** The table of layer kinds: the only place that lists them all. `residual` holds other layers: see sequence.ts. */
import type { LeafLayer } from '../../../contracts/configuration/layers.ts';
import { batchNorm } from './batch-norm.ts';
import { conv } from './conv.ts';
import { dense, flatten } from './dense.ts';
import { depthwiseConv } from './depthwise-conv.ts';
import { dropout } from './dropout.ts';
import { l2Normalise } from './l2-normalise.ts';
import type { LayerKind } from './layer.ts';
import { averagePool, globalAveragePool, maxPool } from './pooling.ts';
import { prelu, relu } from './relu.ts';

const KINDS: { readonly [Type in LeafLayer['type']]: LayerKind<Extract<LeafLayer, { type: Type }>> } = {
  conv,
  'depthwise-conv': depthwiseConv,
  'batch-norm': batchNorm,
  relu,
  prelu,
  'max-pool': maxPool,
  'average-pool': averagePool,
  'global-average-pool': globalAveragePool,
  flatten,
  dense,
  dropout,
  'l2-normalise': l2Normalise,
};

/** The kind of a layer, usable with that very layer. */
export function kindOf(layer: LeafLayer): LayerKind<LeafLayer> {
  // The table pairs each type with its own kind, which the type checker cannot follow through a lookup.
  return KINDS[layer.type] as unknown as LayerKind<LeafLayer>;
}
