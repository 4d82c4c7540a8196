/** Steps shared by several executors: the bits of one executor, a clear failure, nothing left behind. */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../../contracts/errors.ts';
import { TrainingConfigSchema } from '../../../../contracts/configuration/training.ts';
import type { Layer } from '../../../../contracts/configuration/layers.ts';
import type { EngineSpec } from '../../../../services/training/loop/engine.ts';
import { withMasks } from '../../../../services/training/loop/masks.ts';
import { resolveNet } from '../../../../services/training/nets/nets.ts';
import { createOnnxEngine } from '../../../../services/training/onnx/engine.ts';
import { shareOut } from '../../../../services/training/onnx/data-parallel.ts';
import type { ExecutorSetup } from '../../../../services/training/onnx/executor.ts';
import { startExecutor } from '../../../../services/training/onnx/remote-executor.ts';
import { initialState } from '../../../../services/training/nets/parameters.ts';
import { createRandom, normal } from '../../../../services/training/random.ts';

const BATCH = 12;
const SIDE = 12;
/** 38 000 parameters: two chunks, the second one padded. Dropout, because masks follow the image, not the executor. */
const NET: Layer[] = [
  { type: 'conv', filters: 8, kernel: 3, stride: 1 },
  { type: 'batch-norm' },
  { type: 'prelu' },
  { type: 'flatten' },
  { type: 'dropout', rate: 0.3 },
  { type: 'dense', units: 32 },
];
const SETTINGS = [
  { optimizer: { type: 'adam' } },
  { optimizer: { type: 'adamw', weightDecay: 0.1, clipNorm: 0.1 } },
  { optimizer: { type: 'sgd', weightDecay: 0.1, clipNorm: 0.1 } },
] as const;

for (const settings of SETTINGS) {
  test(`data-parallel: 1, 2, 3 and 4 executors give the same bits, ${JSON.stringify(settings.optimizer)}`, async () => {
    // Six parts: with four executors the last round has two.
    const one = await train(specOf(settings, 1));
    for (const threads of [2, 3, 4]) assert.equal(await train(specOf(settings, threads)), one, `${threads} executors`);
  });
}

test('data-parallel: as many executors as parts and threads allow; a card has one', () => {
  const sizes = { batch: 32, microBatch: 16 };
  assert.equal(shareOut({ ...sizes, threads: 1 }, 'cpu'), { executors: 1, threads: 1 });
  assert.equal(shareOut({ ...sizes, threads: 2 }, 'cpu'), { executors: 2, threads: 1 });
  assert.equal(shareOut({ ...sizes, threads: 9 }, 'cpu'), { executors: 2, threads: 4 });
  assert.equal(shareOut({ ...sizes, microBatch: 32, threads: 4 }, 'cpu'), { executors: 1, threads: 4 });
  assert.equal(shareOut({ ...sizes, threads: 4 }, 'cuda'), { executors: 1, threads: 4 });
});

test('data-parallel: an executor that cannot start is TRAINING_FAILED and may be tried again', async () => {
  const setup = { place: 1 } as unknown as ExecutorSetup; // broken on purpose
  const failure = await startExecutor(setup).catch((cause: unknown) => cause);
  assert.instance(failure, PipelineError);
  const { code, retryable, message } = failure as PipelineError;
  assert.equal([code, retryable], ['TRAINING_FAILED', true]);
  assert.match(message, /executor 1 ended early: ./);
});

test('data-parallel: an executor that dies in a step fails that step and all after it', async () => {
  const executor = await startExecutor(
    { place: 1 } as unknown as ExecutorSetup, // not looked at
    'test/services/training/onnx/dying-executor.thread',
  );
  const failure = await executor.pass(0).catch((cause: unknown) => cause);
  assert.instance(failure, PipelineError);
  assert.match((failure as PipelineError).message, /training: executor 1 ended early: out of luck/);
  assert.is(await executor.publish().catch((cause: unknown) => cause), failure, 'nor is it asked again');
  await executor.close();
});

function specOf(settings: object, threads: number): EngineSpec {
  const { loss, optimizer } = TrainingConfigSchema.parse(settings);
  const net = resolveNet(NET, { width: SIDE, height: SIDE, channels: 1 });
  return { net, classes: 5, batch: BATCH, microBatch: 2, loss, optimizer, threads };
}

/** Digests of all that three steps change, and the loss. */
async function train(spec: EngineSpec) {
  const initial = initialState(spec, 1);
  const engine = await createOnnxEngine('cpu').create(spec, initial);
  let loss = 0;
  for (let step = 1; step <= 3; step++) {
    const random = createRandom(step);
    const images = Float32Array.from({ length: BATCH * SIDE * SIDE }, () => normal(random));
    const classes = Int32Array.from({ length: BATCH }, (_, index) => index % 5);
    loss = await engine.step(withMasks({ images, classes }, spec.net, 1, step), 0.01, step);
  }
  const state = await engine.state();
  await engine.dispose();
  assert.not.equal(state.w, initial.w);
  const digest = (values: Float32Array) => createHash('sha256').update(values).digest('hex');
  return { loss, w: digest(state.w), m: digest(state.m), v: digest(state.v), statistics: digest(state.statistics) };
}

test.run();
