import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TrainingConfigSchema, type TrainingConfig } from '../../../../contracts/configuration/training.ts';
import type { Layer } from '../../../../contracts/configuration/layers.ts';
import { PipelineError } from '../../../../contracts/errors.ts';
import { resolveNet } from '../../../../services/training/nets/nets.ts';
import { allSlots, initialState } from '../../../../services/training/nets/parameters.ts';

const ENDS: Layer[] = [{ type: 'dropout', rate: 0.5 }, { type: 'flatten' }, { type: 'dense', units: 4 }];
const IMAGE = { width: 64, height: 48, channels: 1 } as const;

test('nets: face-small keeps the places of features, refnet averages them away', () => {
  const flattened = resolveNet('face-small', IMAGE);
  assert.is(flattened.dimensions, 128);
  assert.equal(flattened.layers.at(-1)!.input, [64 * 8 * 6]);
  const averaged = resolveNet('refnet', IMAGE);
  assert.is(averaged.dimensions, 128);
  assert.equal(averaged.layers.at(-1)!.input, [128]);
});

test('nets: face-resnet has about a million parameters at 112x112 pixels', () => {
  const { parameterCount, dimensions } = resolveNet('face-resnet', { width: 112, height: 112, channels: 3 });
  assert.is(dimensions, 128);
  assert.ok(Math.abs(parameterCount - 1e6) < 1e5, `${parameterCount} parameters`);
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

test('nets: a residual takes its place in the vectors, first its layers, then its shortcut', () => {
  const shortcut: Layer[] = [conv(8, 2)];
  const net = resolveNet(
    [{ type: 'residual', layers: [conv(8, 2), { type: 'batch-norm' }], shortcut }, ...ENDS],
    IMAGE,
  );
  const paths = net.leaves.map(({ path }) => path);
  assert.equal(paths, ['0.layers.0', '0.layers.1', '0.shortcut.0', '1', '2', '3']);
  assert.equal(
    net.leaves.flatMap(({ parameters }) => parameters).map(({ offset }) => offset),
    [0, 72, 80, 88, 160, 168, 168 + 8 * 24 * 32 * 4],
  );
  assert.is(net.maskCount, 8 * 24 * 32);
});

test('nets: a list of layers in the configuration may nest, and gets its defaults there too', () => {
  const net = [{ type: 'residual', layers: [{ type: 'conv', filters: 1 }] }, { type: 'flatten' }];
  const parsed = TrainingConfigSchema.parse({ net }).net;
  assert.equal(parsed[0], { type: 'residual', layers: [{ type: 'conv', filters: 1, kernel: 3, stride: 1 }] });
  assert.is(resolveNet(parsed, IMAGE).parameterCount, 10);
});

test('nets: the example of docs/training.md is a valid configuration', () => {
  const page = readFileSync(new URL('../../../../docs/training.md', import.meta.url), 'utf8');
  const { training } = JSON.parse(/```json\n(.*?)```/s.exec(page)![1]!) as { training: unknown };
  const config = TrainingConfigSchema.parse(training);
  assert.is(resolveNet(config.net, IMAGE).dimensions, 128);
  assert.is(config.loss.type, 'arcface');
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
  [
    'a residual that changes the sizes without a shortcut',
    [conv(4), { type: 'residual', layers: [conv(8, 2)] }],
    /layer 1 \(residual\) adds \[8, 24, 32\].*\[4, 48, 64\].*"shortcut"/,
  ],
  [
    'a residual whose branches differ',
    [{ type: 'residual', layers: [conv(8, 2)], shortcut: [conv(8)] }],
    /layer 0 \(residual\) adds \[8, 24, 32\].*\[8, 48, 64\]/,
  ],
  [
    'a dense layer on an image inside a residual',
    [conv(4), { type: 'residual', layers: [conv(4), { type: 'dense', units: 3 }] }],
    /layer 1\.layers\.1 \(dense\)/,
  ],
  [
    'a window larger than its padded input',
    [
      { type: 'conv', filters: 2, kernel: 31, stride: 1, pad: 0 },
      { type: 'depthwise-conv', kernel: 20, stride: 1, pad: 0 },
    ],
    /layer 1 \(depthwise-conv\).*20x20 window.*34x18/,
  ],
  [
    'a padding as wide as the window',
    [{ type: 'conv', filters: 2, kernel: 3, stride: 1, pad: 3 }],
    /layer 0 \(conv\) pads by 3/,
  ],
  ['rows of length 1 of an image', [{ type: 'l2-normalise' }], /layer 0 \(l2-normalise\).*\[1, 48, 64\]/],
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
