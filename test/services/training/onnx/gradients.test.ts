/** Every hand-written backward node, the loss and the whole net against TensorFlow.js, which derives gradients itself. */
import { test } from 'uvu';
import type { z } from 'zod';
import type { LossSchema } from '../../../../contracts/configuration/training.ts';
import { caseOf, compareGradients } from './judge.ts';
import { LAYER_NETS } from '../nets/layer-nets.ts';

const SIDES = { even: { width: 16, height: 12 }, odd: { width: 15, height: 11 } };

for (const [name, layers] of LAYER_NETS) {
  for (const [side, size] of Object.entries(SIDES)) {
    test(`gradients: ${name}, ${side} sides, as TensorFlow.js derives them`, async () => {
      await compareGradients(caseOf(layers, size, 3));
    });
  }
}

const LOSSES: readonly [name: string, loss: z.input<typeof LossSchema>][] = [
  ['softmax', { type: 'softmax' }],
  ['softmax with smoothed labels', { type: 'softmax', labelSmoothing: 0.1 }],
  ['cosface with smoothed labels', { type: 'cosface', labelSmoothing: 0.1 }],
  ['arcface', { type: 'arcface', margin: 0.5 }],
  // So wide that some angles pass pi, where the formula changes.
  ['arcface with the widest margin and smoothed labels', { type: 'arcface', margin: 1.5, labelSmoothing: 0.1 }],
];
for (const [name, loss] of LOSSES) {
  test(`gradients: ${name}, as TensorFlow.js derives them`, async () => {
    await compareGradients(caseOf([{ type: 'flatten' }, { type: 'dense', units: 8 }], SIDES.even, 1, { loss }));
  });
}

test('gradients: equally large pixels of a pool share what one of them would get', async () => {
  const conv = { type: 'conv', filters: 4, kernel: 3, stride: 1, pad: 0 } as const;
  const net = [conv, { type: 'max-pool' }, { type: 'flatten' }, { type: 'dense', units: 8 }] as const;
  const subject = caseOf([...net], { width: 8, height: 8 }, 1);
  // Images of one grey each: all pixels after the convolution are equal, so TensorFlow.js may choose any of a block.
  subject.batch.images.forEach((_, index, images) => (images[index] = 0.3 + 0.1 * Math.floor(index / 64)));
  await compareGradients(subject);
});

for (const name of ['face-small', 'refnet'] as const) {
  test(`gradients: the whole net ${name}, as TensorFlow.js derives them`, async () => {
    await compareGradients(caseOf(name, { width: 16, height: 16 }, 1));
  });
}

test('gradients: the whole net face-resnet on 16x16 pixels, as TensorFlow.js derives them', async () => {
  await compareGradients(caseOf('face-resnet', { width: 16, height: 16 }, 1));
});

test.run();
