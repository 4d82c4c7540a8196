/** How outside programs are run and what becomes of what they do, with small Node programs; the suite is in conformance.test.ts. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError, type ErrorCode } from '../../../../contracts/errors.ts';
import { TrainingConfigSchema, type TrainingConfig } from '../../../../contracts/configuration/training.ts';
import type { Progress } from '../../../../contracts/progress.ts';
import { createCommandStrategy } from '../../../../services/training/command.ts';
import { readModelMetadata } from '../../../../services/training/model/metadata.ts';
import { withFolder } from '../../../support/folder.ts';
import { crashingModel, externalModel, hoardingModel, loopingModel } from '../../../support/hostile-models.ts';
import { busyWalled, isAlive } from '../../../support/processes.ts';
import { tinyModel } from '../../../support/tiny-model.ts';
import { until } from '../../../support/wait.ts';
import { quietContext, toyJob } from '../toy.ts';

const PROGRAMS = join(import.meta.dirname, 'programs.mjs');
const strategy = createCommandStrategy();

interface Setup {
  readonly model?: Uint8Array;
  readonly config?: Partial<TrainingConfig>;
  readonly graceMs?: number;
  readonly cwd?: string;
  readonly inheritEnv?: string[];
}

/** `told`: a file in which a program may leave a word. */
async function withProgram(
  which: string,
  use: (job: ReturnType<typeof toyJob>, told: string) => Promise<void>,
  { model = tinyModel(), config = {}, graceMs = 60_000, cwd, inheritEnv = [] }: Setup = {},
): Promise<void> {
  await withFolder(async (folder) => {
    const told = join(folder, 'told');
    const env = { MODEL: join(folder, 'model.onnx'), TOLD: told, EXTRA: 'of this pipeline' };
    await writeFile(env.MODEL, model);
    const argv = [process.execPath, PROGRAMS, which];
    const command = { argv, env, inheritEnv, graceMs, ...(cwd !== undefined && { cwd }) };
    await use(toyJob({ strategy: 'command', command, epochs: 2, ...config }), told);
  });
}

function listening() {
  const reports: Progress[] = [];
  const lines: string[] = [];
  const checkpoints: Uint8Array[] = [];
  const log = {
    info: (fields: object) => void lines.push('line' in fields ? String(fields.line) : ''),
    warn: () => {},
  };
  const context = quietContext({
    log,
    progress: (report) => void reports.push(report),
    saveCheckpoint: async (state) => void checkpoints.push(state),
  });
  return { context, reports, lines, checkpoints };
}

test('command: progress lines become reports and the learning curve, other lines go to the log', async () => {
  await withProgram('good', async (job) => {
    const { context, reports, lines } = listening();
    const outcome = await strategy.train(job, context);
    assert.equal(
      reports.map(({ done, fraction, figures }) => [done, fraction, figures]),
      [
        [0.5, 0.25, { loss: 2 }],
        [1, 0.5, { loss: 1, learningRate: 0.1, imagesPerSecond: 123, validationRank1: 0.25 }],
        [2, 1, { loss: 0.5, learningRate: 0.05, imagesPerSecond: 124, validationRank1: 0.5 }],
      ],
    );
    assert.equal(
      outcome.curve.map(({ epoch, loss, validationRank1 }) => [epoch, loss, validationRank1]),
      [
        [1, 1, 0.25],
        [2, 0.5, 0.5],
      ],
    );
    assert.is(outcome.imagesPerSecond, 124);
    assert.ok(lines.includes('loading libraries') && lines.includes('{"not": "ours"}'));
    // Measured here, not believed.
    assert.is.not(outcome.validationRank1, 0.5);
    const metadata = readModelMetadata(outcome.model);
    assert.is(metadata.framework, 'command node');
    assert.equal(metadata.metrics, { epochs: 2, loss: 0.5, validationRank1: outcome.validationRank1 });
  });
});

test('command: the program gets job, images by person, environment and working folder, all gone afterwards', async () => {
  await withProgram(
    'tells what it got',
    async (job, told) => {
      await strategy.train(job, quietContext());
      const { job: described, images, cwd, env } = JSON.parse(readFileSync(told, 'utf8'));
      assert.is(described.format, 'nightshift.command/1');
      assert.equal(described.image, { width: 16, height: 16, channels: 1 });
      assert.equal(described.labels, ['person 0', 'person 1', 'person 2', 'person 3']);
      assert.equal(described.images, { train: 48, validation: 16 });
      assert.equal(described.config, JSON.parse(JSON.stringify(job.config)));
      assert.is(described.seed, job.config.seed);
      assert.is(described.paths.checkpoint, null);
      const people = ['00000', '00001', '00002', '00003'];
      assert.equal(images, { train: people.map((p) => [p, 12]), validation: people.map((p) => [p, 4]) });
      assert.is(cwd, tmpdir());
      assert.is(env.EXTRA, 'of this pipeline');
      assert.not.ok(existsSync(described.paths.output));
    },
    { cwd: tmpdir() },
  );
});

test("command: of the trainer's environment the program sees four variables and those that are named, no secret", async () => {
  process.env['SECRET_OF_THE_TRAINER'] = 'sesame-1';
  process.env['CARDS_FOR_THE_PROGRAM'] = '0,1';
  await withProgram(
    'tells what it got',
    async (job, told) => {
      await strategy.train(job, quietContext());
      const { env } = JSON.parse(readFileSync(told, 'utf8'));
      const always = ['PATH', 'HOME', 'TMPDIR', 'LANG'].filter((name) => name in process.env);
      assert.equal(Object.keys(env).sort(), [...always, 'MODEL', 'TOLD', 'EXTRA', 'CARDS_FOR_THE_PROGRAM'].sort());
      assert.is(env.CARDS_FOR_THE_PROGRAM, '0,1');
      assert.not.match(readFileSync(told, 'latin1'), /sesame-1/);
    },
    { inheritEnv: ['CARDS_FOR_THE_PROGRAM', 'NO_SUCH_VARIABLE'] },
  );
});

test('command: a checkpoint is stored, handed back on resume, and the curve goes on', async () => {
  await withProgram(
    'checkpoints',
    async (job) => {
      const { context, checkpoints } = listening();
      const { curve } = await strategy.train(job, context);
      assert.is(checkpoints.length, 4);
      const again = listening();
      const resumed = await strategy.train({ ...job, resumeFrom: checkpoints[1]! }, again.context);
      assert.equal(
        again.reports.map(({ done }) => done),
        [3, 4],
      );
      assert.equal(resumed.curve, curve);
    },
    { config: { epochs: 4 } },
  );
});

const FAILURES: readonly [program: string, code: ErrorCode, retryable: boolean, message: RegExp][] = [
  ['no model', 'TRAINING_FAILED', false, /run-1.*exit code 0 and wrote no model to paths\.model/],
  ['no progress', 'TRAINING_FAILED', false, /progress line with a loss/],
  ['exit code 3', 'TRAINING_FAILED', true, /exit code 3.*last lines: .*Traceback: out of memory/],
  ['killed', 'TRAINING_FAILED', true, /ended by SIGKILL; it printed nothing/],
  ['a reason', 'DATASET_TOO_SMALL', false, /two people are not enough/],
  ['NaN', 'TRAINING_DIVERGED', false, /no number in epoch 1.*learningRate/],
  ['a line that does not fit', 'TRAINING_FAILED', false, /"epoch":"one".*does not fit/],
  ['a checkpoint elsewhere', 'TRAINING_FAILED', false, /job\.json lies outside of its output folder/],
  ['a checkpoint that is not there', 'TRAINING_FAILED', false, /nothing does not exist/],
];
for (const [program, code, retryable, message] of FAILURES) {
  test(`command: a program with ${program} is ${code}`, async () => {
    await withProgram(program, async (job) => {
      const error = await rejection(strategy.train(job, quietContext()));
      assert.equal([error.code, error.retryable], [code, retryable], error.message);
      assert.match(error.message, message);
    });
  });
}

const UNSTARTABLE: readonly [what: string, command: { argv: string[]; cwd?: string }, message: RegExp][] = [
  [
    'program that is not there',
    { argv: ['no-such-program'] },
    /no-such-program .*training\.command\.argv.*ENOENT.*PATH/,
  ],
  [
    'working folder that is not there',
    { argv: ['node'], cwd: '/no/such' },
    /the folder \/no\/such of training\.command\.cwd/,
  ],
];
for (const [what, command, message] of UNSTARTABLE) {
  test(`command: a ${what} is STRATEGY_UNAVAILABLE`, async () => {
    const config = TrainingConfigSchema.parse({ strategy: 'command', command });
    const error = await rejection(strategy.train({ ...toyJob(), config }, quietContext()));
    assert.is(error.code, 'STRATEGY_UNAVAILABLE');
    assert.match(error.message, message);
  });
}

const UNFIT: readonly [what: string, model: Uint8Array, message: RegExp][] = [
  ['no ONNX at all', Buffer.from('PyTorch'), /cannot load it/],
  ['another output', tinyModel({ outputName: 'features' }), /expected an output "embeddings".*found "features"/],
];
for (const [what, model, message] of UNFIT) {
  test(`command: a model with ${what} is MODEL_INVALID`, async () => {
    await withProgram(
      'good',
      async (job) => {
        const error = await rejection(strategy.train(job, quietContext()));
        assert.is(error.code, 'MODEL_INVALID');
        assert.match(error.message, message);
      },
      { model },
    );
  });
}

const foreignModel = { memoryBytes: 512 * 1024 ** 2, timeoutMs: 3000 };
const HOSTILE: readonly [what: string, model: Uint8Array, message: RegExp][] = [
  ['that loops for ever', loopingModel(), /fails on 3 training images \(it did not end within 3 s\)/],
  ['that wants gigabytes', hoardingModel(2 ** 30, 'run'), /fails on 3 training images \(.*(allocate|512 MiB)/],
  ['that crashes onnxruntime', crashingModel('run'), /fails on 3 training images \(it crashed .* with SIGFPE/],
  ['with its weights elsewhere', externalModel('weights.bin'), /its weights lie in another file, weights\.bin/],
  ['that is cut off', tinyModel().subarray(0, 4000), /onnxruntime cannot load it/],
];
for (const [what, model, message] of HOSTILE) {
  test(`command: a model ${what} is MODEL_INVALID, and the trainer lives`, async () => {
    await withProgram(
      'good',
      async (job) => {
        const error = await rejection(strategy.train(job, quietContext()));
        assert.equal([error.code, error.retryable], ['MODEL_INVALID', false], error.message);
        assert.match(error.message, message);
      },
      { model, config: { foreignModel } },
    );
  });
}

test('command: cancelled while the model that it wrote loops, it ends at once', async () => {
  await withProgram(
    'good',
    async (job) => {
      const abort = new AbortController();
      const reason = new PipelineError('CANCELLED', 'run run-1 was cancelled');
      const training = rejection(strategy.train(job, quietContext({ signal: abort.signal })));
      await until(() => busyWalled().length > 0, 'the model to loop');
      abort.abort(reason);
      assert.is(await training, reason);
      assert.equal(busyWalled(), []);
    },
    { model: loopingModel() },
  );
});

test('command: a flood of output, even without line ends, is read to its end and logged in part', async () => {
  await withProgram('flood', async (job) => {
    const { context, lines } = listening();
    const outcome = await strategy.train(job, context);
    assert.is(outcome.epochs, 1);
    assert.ok(lines.length < 1100, `${lines.length} lines in the log`);
    assert.ok(lines.every((line) => line.length <= 64 * 1024));
  });
});

test('command: cancelled, a program that ignores SIGTERM is killed with its workers after its grace', async () => {
  await withProgram(
    'ignores SIGTERM',
    async (job, told) => {
      const abort = new AbortController();
      const reason = new PipelineError('CANCELLED', 'run run-1 was cancelled');
      const progress = () => abort.abort(reason);
      assert.is(await rejection(strategy.train(job, quietContext({ signal: abort.signal, progress }))), reason);
      const pids = readFileSync(told, 'utf8').split(' ').map(Number);
      assert.is(pids.length, 3);
      for (const pid of pids) await until(() => !isAlive(pid), `process ${pid} to end`);
    },
    { graceMs: 200 },
  );
});

test('command: when its time is up a program is asked to end, and what it wrote then counts', async () => {
  await withProgram(
    'ends when asked',
    async (job) => {
      const outcome = await strategy.train(job, quietContext());
      assert.is(outcome.epochs, 1);
    },
    { config: { maxDurationMs: 1000 }, graceMs: 3000 },
  );
});

test('command: a child that the program leaves behind is ended, too', async () => {
  await withProgram('leaves a child behind', async (job, told) => {
    await strategy.train(job, quietContext());
    await until(() => !isAlive(Number(readFileSync(told, 'utf8'))), 'the child to end');
  });
});

test('command: no job folder is left behind', () => {
  const left = readdirSync(tmpdir()).filter((name) => name.startsWith(`nightshift-scratch-${process.pid}-`));
  assert.equal(left, []);
});

const rejection = (work: Promise<unknown>): Promise<PipelineError> =>
  work.then(
    () => assert.unreachable('it was expected to reject') as never,
    // Every failure here is one; the assertions on its code would show another.
    (error: unknown) => error as PipelineError,
  );

test.run();
