/** The table of layer kinds: the only place that lists them all. */
import type { Layer } from '../../../contracts/pipeline.ts';
import { batchNorm } from './batch-norm.ts';
import { conv } from './conv.ts';
import { dense, flatten } from './dense.ts';
import type { LayerKind } from './layer.ts';
import { globalAveragePool, maxPool } from './pooling.ts';
import { relu } from './relu.ts';

const KINDS: { readonly [Type in Layer['type']]: LayerKind<Extract<Layer, { type: Type }>> } = {
  conv,
  'batch-norm': batchNorm,
  relu,
  'max-pool': maxPool,
  'global-average-pool': globalAveragePool,
  flatten,
  dense,
};

/** The kind of a layer, usable with that very layer. */
export function kindOf(layer: Layer): LayerKind<Layer> {
  // The table pairs each type with its own kind, which the type checker cannot follow through a lookup.
  return KINDS[layer.type] as unknown as LayerKind<Layer>;
}
