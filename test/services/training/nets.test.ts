import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Layer, TrainingConfig } from '../../../contracts/pipeline.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { resolveNet } from '../../../services/training/nets.ts';
import { allSlots, initialState } from '../../../services/training/parameters.ts';

const IMAGE = { width: 64, height: 48, channels: 1 } as const;

test('nets: face-small keeps the places of features, refnet averages them away', () => {
  const flattened = resolveNet('face-small', IMAGE);
  assert.is(flattened.dimensions, 128);
  assert.equal(flattened.layers.at(-1)!.input, [64 * 8 * 6]);
  const averaged = resolveNet('refnet', IMAGE);
  assert.is(averaged.dimensions, 128);
  assert.equal(averaged.layers.at(-1)!.input, [128]);
});

test('nets: a stride halves, rounding up; a pool halves, rounding down', () => {
  const net = resolveNet([conv(4, 2), { type: 'max-pool' }, { type: 'flatten' }], { ...IMAGE, width: 15, height: 13 });
  assert.equal(
    net.layers.map(({ output }) => output),
    [[4, 7, 8], [4, 3, 4], [48]],
  );
});

test('nets: parameters lie one after the other, the head last; only a net without batch-norm has biases', () => {
  const net = resolveNet([conv(4), { type: 'batch-norm' }, conv(2), { type: 'flatten' }], IMAGE);
  const slots = allSlots({ net, classes: 3 });
  assert.equal(
    slots.map(({ name }) => name),
    ['weight', 'gamma', 'beta', 'weight', 'bias', 'classes'],
  );
  slots.slice(1).forEach((slot, index) => assert.is(slot.offset, slots[index]!.offset + slots[index]!.size));
  assert.is(net.statisticsCount, 8);
});

test('nets: the start depends on the seed alone, with the deviation that He et al. give', () => {
  const sizes = { net: resolveNet('face-small', IMAGE), classes: 10 };
  const { w } = initialState(sizes, 1);
  assert.equal(w, initialState(sizes, 1).w);
  assert.not.equal(w, initialState(sizes, 2).w);
  const dense = allSlots(sizes).find(({ shape }) => shape.length === 2)!;
  const values = w.subarray(dense.offset, dense.offset + dense.size);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  assert.ok(Math.abs(deviation / Math.sqrt(2 / dense.shape[0]!) - 1) < 0.02, `deviation ${deviation}`);
});

const misfits: readonly [name: string, net: Layer[], message: RegExp][] = [
  ['a dense layer on an image', [conv(4), { type: 'dense', units: 3 }], /layer 1 \(dense\).*\[4, 48, 64\]/],
  ['a convolution on flat features', [{ type: 'flatten' }, conv(4)], /layer 1 \(conv\).*\[3072\]/],
  ['a net that ends in an image', [conv(4)], /layer 0 \(conv\).*\[4, 48, 64\].*embedding is flat/],
  [
    'a pool of what is too small',
    Array.from({ length: 6 }, () => ({ type: 'max-pool' }) as const),
    /layer 5 \(max-pool\).*2x1/,
  ],
];
for (const [name, net, message] of misfits) {
  test(`nets: ${name} is NET_INVALID, naming layer and sizes`, () => {
    const error = rejected(net);
    assert.is(error.code, 'NET_INVALID');
    assert.match(error.message, message);
  });
}

function conv(filters: number, stride = 1): Layer {
  return { type: 'conv', filters, kernel: 3, stride };
}

function rejected(net: TrainingConfig['net']): PipelineError {
  try {
    resolveNet(net, IMAGE);
  } catch (error) {
    if (error instanceof PipelineError) return error;
    throw error;
  }
  throw new Error('the net was accepted');
}

test.run();
