/** Which provider trains. Liars are engines of ours whose answers are changed on the way. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Provider } from '../../../../contracts/configuration/training.ts';
import { PipelineError } from '../../../../contracts/errors.ts';
import type { EngineFactory } from '../../../../services/training/loop/engine.ts';
import { readModelMetadata } from '../../../../services/training/model/metadata.ts';
import { createOnnxEngine } from '../../../../services/training/onnx/engine.ts';
import { chooseEngine } from '../../../../services/training/onnx/providers.ts';
import { createOnnxGraphStrategy } from '../../../../services/training/onnx-graph.ts';
import type { TrainingState } from '../../../../services/training/nets/parameters.ts';
import { quietContext, toyJob } from '../toy.ts';

const CPU = createOnnxEngine('cpu');

/** The processor under another name, its loss and new state as `change` makes them. */
function disguised(
  name: string,
  change: (answer: { loss: number; state: TrainingState }) => { loss: number; state: TrainingState },
): EngineFactory {
  return {
    framework: name,
    async create(spec, initial) {
      const engine = await CPU.create(spec, initial);
      let loss = 0;
      return {
        async step(...inputs) {
          loss = await engine.step(...inputs);
          return change({ loss, state: await engine.state() }).loss;
        },
        state: async () => change({ loss, state: await engine.state() }).state,
        dispose: () => engine.dispose(),
      };
    },
  };
}

const missing: EngineFactory = {
  framework: 'missing',
  create: () => Promise.reject(new Error('no adapter\nand more lines')),
};

async function choose(engines: Partial<Record<Provider, EngineFactory>>, providers: readonly Provider[]) {
  const lines: string[] = [];
  const note = (_: object, message: string) => void lines.push(message);
  const engineOf = (provider: Provider) => engines[provider] ?? CPU;
  const log = { info: note, warn: note };
  const engine = await chooseEngine({ providers, log, engineOf, absence: () => null });
  return { engine, lines };
}

test('providers: the first that computes as the processor does is used, the others are not opened', async () => {
  const honest = disguised('honest', (answer) => answer);
  const { engine, lines } = await choose({ cuda: honest, webgpu: missing }, ['cuda', 'webgpu', 'cpu']);
  assert.is(engine, honest);
  assert.equal(lines, ['training: provider cuda is used']);
});

test('providers: one that is not there is named once with its reason, and the next is tried', async () => {
  const honest = disguised('honest', (answer) => answer);
  const { engine, lines } = await choose({ cuda: missing, webgpu: honest }, ['cuda', 'webgpu', 'cpu']);
  assert.is(engine, honest);
  assert.equal(lines, [
    'training: provider cuda is not used: it cannot run: no adapter',
    'training: provider webgpu is used',
  ]);
});

const LIES: readonly [what: string, change: Parameters<typeof disguised>[1], told: RegExp][] = [
  ['one wrong gradient', ({ loss, state }) => ({ loss, state: { ...state, w: stretched(state.w) } }), /gradient/],
  ['a wrong loss', ({ loss, state }) => ({ loss: loss * 1.05, state }), /the loss is off by 0\.050/],
  ['a loss that is no number', ({ state }) => ({ loss: NaN, state }), /the loss is off by NaN/],
  [
    'wrong statistics',
    ({ loss, state }) => ({ loss, state: { ...state, statistics: state.statistics.map((value) => value * 1.1) } }),
    /statistics/,
  ],
];
for (const [what, change, told] of LIES) {
  test(`providers: one that gives ${what} is refused by the self-test`, async () => {
    const { engine, lines } = await choose({ webgpu: disguised('liar', change) }, ['webgpu', 'cpu']);
    assert.is(engine, CPU);
    assert.is(lines.length, 2);
    assert.match(lines[0]!, /webgpu is not used: its self-test failed/);
    assert.match(lines[0]!, told);
  });
}

/** The first eight weights, of the first convolution, moved by a hundredth. */
const stretched = (w: Float32Array): Float32Array => w.map((value, index) => (index < 8 ? value + 0.01 : value));

test('providers: where none is left the message names each with its reason', async () => {
  const error = await choose({ cuda: missing, webgpu: missing }, ['cuda', 'webgpu']).catch((cause: unknown) => cause);
  assert.instance(error, PipelineError);
  assert.is((error as PipelineError).code, 'STRATEGY_UNAVAILABLE');
  assert.match((error as PipelineError).message, /cuda: it cannot run: no adapter; webgpu: .*add "cpu"/);
});

test('providers: the portable graph passes the self-test', async () => {
  const portable = createOnnxEngine('cpu', { portable: true });
  const { engine } = await choose({ webgpu: portable }, ['webgpu', 'cpu']);
  assert.is(engine, portable);
});

test('providers: with the default list a training runs on any machine, and model and log name what it ran on', async () => {
  const lines: string[] = [];
  const log = { info: (_: object, message: string) => void lines.push(message), warn: () => {} };
  const job = toyJob({ epochs: 1 });
  assert.equal(job.config.providers, ['cuda', 'webgpu', 'cpu']);
  const { model } = await createOnnxGraphStrategy().train(job, quietContext({ log }));
  const used = lines.map((line) => /provider (\w+) is used/.exec(line)?.[1]).filter((name) => name !== undefined);
  assert.is(used.length, 1);
  assert.match(readModelMetadata(model).framework, new RegExp(`^onnx-graph on onnxruntime-node \\S+, ${used[0]}$`));
  const refused = lines.filter((line) => /is not used/.test(line)).length;
  assert.is(refused, job.config.providers.indexOf(used[0] as Provider));
});

test.run();
