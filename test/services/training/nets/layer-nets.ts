/** Small nets that put the layer in question behind a convolution, so that its input gradient counts too. */
import type { Layer } from '../../../../contracts/configuration/layers.ts';

const conv = (filters: number, kernel = 3, stride = 1, pad?: number): Layer =>
  pad === undefined ? { type: 'conv', filters, kernel, stride } : { type: 'conv', filters, kernel, stride, pad };
const depthwise = (kernel: number, stride: number, pad?: number): Layer => ({
  type: 'depthwise-conv',
  kernel,
  stride,
  pad,
});
const norm: Layer = { type: 'batch-norm' };
const ends: Layer[] = [{ type: 'flatten' }, { type: 'dense', units: 8 }];

export const LAYER_NETS: readonly [name: string, layers: Layer[]][] = [
  ['a convolution with bias', [conv(4), conv(5), ...ends]],
  ['a convolution with stride 2', [conv(4), conv(5, 3, 2), ...ends]],
  ['a 1x1 convolution with stride 2', [conv(4), conv(5, 1, 2), ...ends]],
  ['a 5x5 convolution', [conv(3), conv(4, 5), ...ends]],
  ['a convolution with an even kernel', [conv(3), conv(4, 2), ...ends]],
  ['a convolution with stride 3', [conv(4), conv(5, 3, 3), ...ends]],
  ['a convolution without padding', [conv(4), conv(5, 3, 1, 0), ...ends]],
  ['a convolution with stride 2, padded by 1', [conv(4), conv(5, 3, 2, 1), ...ends]],
  ['a 4x4 convolution with stride 3, padded by 2', [conv(4), conv(5, 4, 3, 2), ...ends]],
  ['a depthwise convolution with bias', [conv(4), depthwise(3, 1), ...ends]],
  ['a depthwise convolution with stride 2', [conv(4), depthwise(3, 2), norm, conv(5, 1), ...ends]],
  ['a depthwise convolution with stride 2, padded by 1', [conv(4), depthwise(3, 2, 1), ...ends]],
  ['batch-norm over images', [conv(4), norm, conv(3), ...ends]],
  ['batch-norm over features', [conv(4), ...ends, norm]],
  ['relu', [conv(4), { type: 'relu' }, ...ends]],
  ['prelu over images', [conv(4), { type: 'prelu' }, ...ends]],
  ['prelu over features', [conv(4), ...ends, { type: 'prelu' }, { type: 'dense', units: 6 }]],
  ['max-pool', [conv(4), { type: 'max-pool' }, ...ends]],
  ['max-pool of 3x3 blocks', [conv(4), { type: 'max-pool', size: 3 }, ...ends]],
  ['average-pool', [conv(4), { type: 'average-pool' }, ...ends]],
  ['average-pool of 3x3 blocks', [conv(4), { type: 'average-pool', size: 3 }, ...ends]],
  ['global-average-pool', [conv(4), { type: 'global-average-pool' }, { type: 'dense', units: 8 }]],
  ['dense after dense', [...ends, { type: 'relu' }, { type: 'dense', units: 6 }]],
  ['l2-normalise', [conv(4), ...ends, { type: 'l2-normalise' }, { type: 'dense', units: 6 }]],
  [
    'dropout of an image and of features',
    [conv(4), { type: 'dropout', rate: 0.3 }, ...ends, { type: 'dropout', rate: 0.5 }, { type: 'dense', units: 6 }],
  ],
  [
    'a residual that adds its input',
    [
      conv(4),
      { type: 'residual', layers: [conv(4), norm, { type: 'prelu' }, conv(4), norm] },
      { type: 'relu' },
      ...ends,
    ],
  ],
  [
    'a residual with a shortcut',
    [conv(4), { type: 'residual', layers: [conv(6, 3, 2), norm, conv(6)], shortcut: [conv(6, 1, 2), norm] }, ...ends],
  ],
  [
    'a residual in a residual, first in the net',
    [{ type: 'residual', layers: [conv(3), { type: 'residual', layers: [norm, { type: 'relu' }] }] }, ...ends],
  ],
  [
    'a residual without parameters before the first layer with any',
    [{ type: 'residual', layers: [{ type: 'relu' }] }, ...ends],
  ],
];
