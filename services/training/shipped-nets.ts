/** The nets that ship, as the same lists of layers that a configuration may hold. */
import type { Layer, TrainingConfig } from '../../contracts/pipeline.ts';

type NetName = Extract<TrainingConfig['net'], string>;

const conv3 = (filters: number): Layer[] => [{ type: 'conv', filters, kernel: 3, stride: 1 }, { type: 'batch-norm' }];
const RELU: Layer = { type: 'relu' };
const block = (filters: number, stride: number): Layer[] => [
  { type: 'conv', filters, kernel: 3, stride: 1 },
  { type: 'batch-norm' },
  { type: 'prelu' },
  { type: 'conv', filters, kernel: 3, stride },
  { type: 'batch-norm' },
];
/** Halves the sides; its shortcut has the sizes to match. */
const halving = (filters: number): Layer => ({
  type: 'residual',
  layers: block(filters, 2),
  shortcut: [{ type: 'conv', filters, kernel: 1, stride: 2 }, { type: 'batch-norm' }],
});
const keeping = (filters: number): Layer => ({ type: 'residual', layers: block(filters, 1) });

/** The rectifier after the pool gives the same values as before it, for a quarter of the work. */
const POOL_RELU: Layer[] = [{ type: 'max-pool' }, RELU];

/** At 64x64 pixels face-small trains two to three times as fast as refnet; `npm run bench -- accuracy` measures it. */
export const SHIPPED_NETS: Readonly<Record<NetName, readonly Layer[]>> = {
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
  /**
   * For 112x112 pixels and thousands of people: residual blocks without a rectifier after the sum, as the nets of
   * ArcFace have them (arXiv:1801.07698, section 3.2), about a million parameters.
   */
  'face-resnet': [
    ...[{ type: 'conv', filters: 32, kernel: 3, stride: 2 } as const, { type: 'batch-norm' } as const],
    ...[{ type: 'prelu' } as const, keeping(32)],
    ...[halving(64), keeping(64)],
    ...[halving(128), keeping(128)],
    { type: 'average-pool' },
    ...[{ type: 'conv', filters: 48, kernel: 1, stride: 1 } as const, { type: 'batch-norm' } as const],
    { type: 'flatten' },
    { type: 'dense', units: 128 },
  ],
};
