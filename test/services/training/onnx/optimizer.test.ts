/**
 * The optimisers in both engines against their formulas in plain JavaScript, in float64, and against the optimisers
 * that TensorFlow.js brings.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as tf from '@tensorflow/tfjs';
import { InferenceSession } from 'onnxruntime-node';
import { OptimizerSchema, type OptimizerConfig } from '../../../../contracts/configuration/training.ts';
import { resolveNet } from '../../../../services/training/nets/nets.ts';
import { encodeModel } from '../../../../services/training/onnx/encoding.ts';
import { floats, vector } from '../../../../services/training/onnx/session.ts';
import { GraphBuilder } from '../../../../services/training/onnx/graph-builder.ts';
import { ADAM, ratesAt, update } from '../../../../services/training/onnx/optimizer.ts';
import { decayOf } from '../../../../services/training/nets/parameters.ts';
import { createRandom, normal } from '../../../../services/training/random.ts';
import { update as updateTensors } from '../../../../services/training/tfjs/optimizer.ts';

const SIZE = 50;
const STEPS = 5;
const RATE = 0.01;

const random = createRandom(5);
const vectorOf = () => Float32Array.from({ length: SIZE }, () => normal(random));
const START = vectorOf();
const GRADIENTS = Array.from({ length: STEPS }, vectorOf);

/** Gradients are about 7 long: a limit of 3 clips all of them, one of 100 none. */
const OPTIMIZERS = [
  { type: 'adam' },
  { type: 'adam', weightDecay: 0.1, clipNorm: 3 },
  { type: 'adamw', weightDecay: 0.1 },
  { type: 'adamw', weightDecay: 0.1, clipNorm: 3 },
  { type: 'sgd' },
  { type: 'sgd', momentum: 0, clipNorm: 100 },
  { type: 'sgd', weightDecay: 0.1, clipNorm: 3 },
] as const;

for (const settings of OPTIMIZERS) {
  test(`optimiser: ${JSON.stringify(settings)} follows its formula in both engines`, async () => {
    const optimizer = OptimizerSchema.parse(settings);
    const expected = byFormula(optimizer);
    expectClose(await byGraph(optimizer), expected);
    expectClose(byTensors(optimizer), expected);
  });
}

test('optimiser: adam and momentum give what TensorFlow.js gives', () => {
  const theirs = (optimizer: tf.Optimizer): Float32Array => {
    const w = tf.variable(tf.tensor1d(START), true);
    for (const gradient of GRADIENTS) optimizer.applyGradients([{ name: w.name, tensor: tf.tensor1d(gradient) }]);
    return w.dataSync() as Float32Array;
  };
  const adam = theirs(tf.train.adam(RATE, ADAM.beta1, ADAM.beta2, ADAM.epsilon));
  expectClose(adam, byFormula(OptimizerSchema.parse({ type: 'adam' })));
  expectClose(theirs(tf.train.momentum(RATE, 0.9)), byFormula(OptimizerSchema.parse({ type: 'sgd' })));
});

test('optimiser: a gradient of zeros is clipped to zeros', async () => {
  const optimizer = OptimizerSchema.parse({ type: 'sgd', clipNorm: 1 });
  expectClose(await byGraph(optimizer, [new Float32Array(SIZE)]), [...START]);
});

test('optimiser: weights decay, biases and the parameters of batch-norm do not', () => {
  const conv = { type: 'conv', filters: 2, kernel: 1, stride: 1 } as const;
  const net = resolveNet([conv, { type: 'batch-norm' }, conv, { type: 'prelu' }, { type: 'flatten' }], IMAGE);
  // Weight 2, gamma and beta 4, weight 4, bias and slope 4, and the classes: 2 of 8 values.
  const expected = [...Array(2).fill(0.5), ...Array(4).fill(0), ...Array(4).fill(0.5), ...Array(4).fill(0)];
  assert.equal([...decayOf({ net, classes: 2 }, 0.5)!], [...expected, ...Array(16).fill(0.5)]);
  assert.is(decayOf({ net, classes: 2 }, 0), null);
});

test('optimiser: a setting of another optimiser is refused', () => {
  assert.not(OptimizerSchema.safeParse({ type: 'adam', momentum: 0.9 }).success);
});

const IMAGE = { width: 2, height: 2, channels: 1 } as const;

/** Weight decay for every second value. */
const decays = ({ weightDecay }: OptimizerConfig): Float32Array =>
  Float32Array.from({ length: SIZE }, (_, index) => (index % 2) * weightDecay);

function byFormula(optimizer: OptimizerConfig): number[] {
  const { type, clipNorm = Infinity } = optimizer;
  const decay = decays(optimizer);
  const [w, m, v] = [[...START], Array<number>(SIZE).fill(0), Array<number>(SIZE).fill(0)];
  GRADIENTS.forEach((gradient, index) => {
    const factor = Math.min(1, clipNorm / Math.hypot(...gradient));
    for (let i = 0; i < SIZE; i++) {
      const pull = decay[i]! * w[i]!;
      const g = gradient[i]! * factor + (type === 'adamw' ? 0 : pull);
      if (type === 'sgd') {
        m[i] = optimizer.momentum * m[i]! + g;
        w[i]! -= RATE * m[i]!;
        continue;
      }
      m[i] = ADAM.beta1 * m[i]! + (1 - ADAM.beta1) * g;
      v[i] = ADAM.beta2 * v[i]! + (1 - ADAM.beta2) * g * g;
      const [mean, square] = [m[i]! / (1 - ADAM.beta1 ** (index + 1)), v[i]! / (1 - ADAM.beta2 ** (index + 1))];
      w[i]! -= RATE * (mean / (Math.sqrt(square) + ADAM.epsilon) + (type === 'adamw' ? pull : 0));
    }
  });
  return w;
}

async function byGraph(optimizer: OptimizerConfig, gradients = GRADIENTS): Promise<Float32Array> {
  const g = new GraphBuilder();
  const input = (name: string, size = SIZE) => g.input(name, 'float', [size]);
  const state = { w: input('w'), m: input('m'), v: input('v') };
  const decay = optimizer.weightDecay === 0 ? null : g.floats(decays(optimizer), [SIZE]);
  const next = update(g, optimizer, state, input('gradient'), input('rates', 3), decay);
  for (const name of ['w', 'm', 'v'] as const) g.output(`${name}_next`, next[name], 'float', [SIZE]);
  const session = await InferenceSession.create(encodeModel(g.build('update')));
  let [w, m, v]: Float32Array[] = [START, new Float32Array(SIZE), new Float32Array(SIZE)];
  for (const [index, gradient] of gradients.entries()) {
    const feeds = { w: w!, m: m!, v: v!, gradient, rates: ratesAt(RATE, index + 1) };
    const tensors = Object.entries(feeds).map(([name, data]) => [name, vector(data)] as const);
    const out = await session.run(Object.fromEntries(tensors));
    [w, m, v] = [floats(out.w_next), floats(out.m_next), floats(out.v_next)];
  }
  await session.release();
  return w!;
}

function byTensors(optimizer: OptimizerConfig): Float32Array {
  const zeros = (): tf.Tensor1D => tf.zeros([SIZE]);
  let state = { w: tf.tensor1d(START), m: zeros(), v: zeros() };
  const decay = optimizer.weightDecay === 0 ? null : tf.tensor1d(decays(optimizer));
  GRADIENTS.forEach((gradient, index) => {
    const at = { learningRate: RATE, step: index + 1 };
    state = updateTensors(tf, optimizer, state, tf.tensor1d(gradient), at, decay);
  });
  return state.w.dataSync() as Float32Array;
}

function expectClose(actual: Float32Array, expected: readonly number[]): void {
  actual.forEach((value, index) =>
    assert.ok(Math.abs(value - expected[index]!) < 1e-6, `${index}: ${value}, expected ${expected[index]}`),
  );
}

test.run();
