/** The rule by which the training bench counts operations, on nets small enough to count by hand. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { flopsPerImage } from '../../../bench/training/training-flops.ts';
import { describeSubject, subjectOf } from '../../../bench/training/training-subject.ts';
import { resolveNet } from '../../../services/training/nets/nets.ts';

test('flops: products count twice their multiplications, three times per step but for the first input', () => {
  const net = resolveNet(
    [
      { type: 'conv', filters: 4, kernel: 3, stride: 2 },
      { type: 'batch-norm' },
      { type: 'relu' },
      { type: 'depthwise-conv', kernel: 3, stride: 1 },
      { type: 'flatten' },
      { type: 'dense', units: 10 },
    ],
    { width: 8, height: 8, channels: 3 },
  );
  const products = [4 * 4 * 4 * 3 * 9, 4 * 4 * 4 * 9, 4 * 4 * 4 * 10, 5 * 10].map((count) => 2 * count);
  const forward = products.reduce((sum, count) => sum + count, 0);
  assert.equal(flopsPerImage(net, 5), { forward, step: 3 * forward - products[0]! });
});

test('flops: layers inside residual blocks count, and RefNet has about 101 million forward', () => {
  const conv = { type: 'conv', filters: 2, kernel: 1, stride: 1 } as const;
  const ends = [{ type: 'flatten' }, { type: 'dense', units: 3 }] as const;
  const image = { width: 8, height: 8, channels: 1 } as const;
  const plain = flopsPerImage(resolveNet([conv, conv, ...ends], image), 5);
  const nested = flopsPerImage(resolveNet([conv, { type: 'residual', layers: [conv] }, ...ends], image), 5);
  assert.equal(nested, plain);
  const refnet = subjectOf('refnet', 1);
  assert.ok(Math.abs(flopsPerImage(refnet.net, refnet.classes).forward / 101.5e6 - 1) < 0.01);
});

test('peers: a net goes out with every size and padding resolved', () => {
  const { layers } = describeSubject(subjectOf('face-resnet', 1));
  const text = JSON.stringify(layers);
  assert.ok(text.includes('"pads":[0,0,1,1]'), 'a stride of 2 pads at the end');
  assert.is(
    (text.match(/"type":"conv"/g) ?? []).length,
    subjectOf('face-resnet', 1).net.leaves.filter(({ layer }) => layer.type === 'conv').length,
  );
});

test.run();
