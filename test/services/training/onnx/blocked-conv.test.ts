/** Convolutions in blocks of channels: the same gradients, wherever blocks fit and where they do not. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Layer } from '../../../../contracts/configuration/layers.ts';
import { blockOfThisMachine, fitsBlocks } from '../../../../services/training/onnx/blocked-conv.ts';
import { decodeModel } from '../../../../services/training/onnx/encoding.ts';
import { buildGradientModel } from '../../../../services/training/onnx/training-graph.ts';
import { caseOf, compareGradients } from './judge.ts';

const block = await blockOfThisMachine();
/** Where the machine has no blocked kernels, the same nets go through the usual ones. */
const wide = block ?? 16;
const ends: Layer[] = [{ type: 'global-average-pool' }, { type: 'dense', units: 8 }];
const NETS: readonly [name: string, layers: Layer[]][] = [
  ['from a few channels to blocks to more blocks', [conv(wide), { type: 'prelu' }, conv(2 * wide), { type: 'relu' }]],
  ['stride 2', [conv(wide), conv(wide, 3, 2), { type: 'relu' }]],
  ['1x1 kernels', [conv(2 * wide, 1), { type: 'batch-norm' }, conv(wide, 1), { type: 'relu' }]],
  ['5x5 kernels with little padding', [conv(wide, 5), { ...conv(wide, 5), pad: 1 }, { type: 'relu' }]],
  ['channels that fill no block', [conv(wide + 2), conv(wide), conv(3), conv(wide), { type: 'relu' }]],
];

for (const [name, layers] of NETS) {
  test(`blocked convolutions: ${name}, as TensorFlow.js derives them`, async () => {
    await compareGradients(caseOf([...layers, ...ends], { width: 11, height: 9 }, 3));
  });
}

test('blocked convolutions: a graph has them where blocks fit, and not where none is known', () => {
  const { spec } = caseOf([conv(wide), conv(wide), conv(3), ...ends], { width: 11, height: 9 }, 3);
  const blockedIn = (options: { block?: number }) =>
    decodeModel(buildGradientModel(spec, options)).graph!.node!.filter(
      ({ opType, domain }) => opType === 'Conv' && domain === 'com.microsoft.nchwc',
    ).length;
  // Two forward, as three filters fill no block; two for the gradients of inputs, which the first layer does not need.
  assert.is(blockedIn({ block: wide }), 4);
  assert.is(blockedIn({}), 0);
  assert.ok(!fitsBlocks(null, wide, wide));
});

function conv(filters: number, kernel = 3, stride = 1): Extract<Layer, { type: 'conv' }> {
  return { type: 'conv', filters, kernel, stride };
}

test.run();
