/** Every hand-written backward node, the loss and the whole net against TensorFlow.js, which derives gradients itself. */
import { test } from 'uvu';
import { caseOf, compareGradients } from './judge.ts';
import { LAYER_NETS } from './layer-nets.ts';

const SIDES = { even: { width: 16, height: 12 }, odd: { width: 15, height: 11 } };

for (const [name, layers] of LAYER_NETS) {
  for (const [side, size] of Object.entries(SIDES)) {
    test(`gradients: ${name}, ${side} sides, as TensorFlow.js derives them`, async () => {
      await compareGradients(caseOf(layers, size, 3));
    });
  }
}

for (const name of ['face-small', 'refnet'] as const) {
  test(`gradients: the whole net ${name}, as TensorFlow.js derives them`, async () => {
    await compareGradients(caseOf(name, { width: 16, height: 16 }, 1));
  });
}

test.run();
