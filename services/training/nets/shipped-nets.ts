/** The nets that ship, as the same lists of layers that a configuration may hold. */
import type { Layer } from '../../../contracts/configuration/layers.ts';
import type { TrainingConfig } from '../../../contracts/configuration/training.ts';

type NetName = Extract<TrainingConfig['net'], string>;

const RELU: Layer = { type: 'relu' };
const PRELU: Layer = { type: 'prelu' };
/** A convolution that batch-norm follows. */
const normed = (filters: number, kernel: number, stride: number): Layer[] => [
  { type: 'conv', filters, kernel, stride },
  { type: 'batch-norm' },
];
const block = (filters: number, stride: number): Layer[] => [
  ...normed(filters, 3, 1),
  PRELU,
  ...normed(filters, 3, stride),
];
const keeping = (filters: number): Layer => ({ type: 'residual', layers: block(filters, 1) });
/** Halves the sides; its shortcut has the sizes to match. */
const halving = (filters: number): Layer => ({
  type: 'residual',
  layers: block(filters, 2),
  shortcut: normed(filters, 1, 2),
});

/** The rectifier after the pool gives the same values as before it, for a quarter of the work. */
const POOL_RELU: Layer[] = [{ type: 'max-pool' }, RELU];

/** At 64x64 pixels face-small trains two to three times as fast as refnet; `npm run bench -- accuracy` measures it. */
export const SHIPPED_NETS: Readonly<Record<NetName, readonly Layer[]>> = {
  /** Keeps the places of features (flatten): for small sets of aligned faces. */
  'face-small': [
    ...[...normed(16, 3, 1), ...POOL_RELU],
    ...[...normed(32, 3, 1), ...POOL_RELU],
    ...[...normed(64, 3, 1), ...POOL_RELU],
    ...[...normed(64, 3, 1), RELU],
    { type: 'flatten' },
    { type: 'dense', units: 128 },
  ],
  /** Forgets the places (global average): larger sets, less aligned. */
  refnet: [
    ...[...normed(32, 3, 1), ...POOL_RELU],
    ...[...normed(64, 3, 1), ...POOL_RELU],
    ...[...normed(128, 3, 1), ...POOL_RELU],
    ...[...normed(128, 3, 1), RELU],
    { type: 'global-average-pool' },
    { type: 'dense', units: 128 },
  ],
  /**
   * Meant for 112x112 pixels and many people: residual blocks without a rectifier after the sum, as the nets of
   * ArcFace have them (arXiv:1801.07698, section 3.2), about a million parameters.
   */
  'face-resnet': [
    ...[...normed(32, 3, 2), PRELU, keeping(32)],
    ...[halving(64), keeping(64)],
    ...[halving(128), keeping(128)],
    ...[{ type: 'average-pool' } as const, ...normed(48, 1, 1)],
    { type: 'flatten' },
    { type: 'dense', units: 128 },
  ],
};
