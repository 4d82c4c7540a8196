/**
 * The training loop itself, in this thread, on the ONNX engine: resumption at every step, cancellation, divergence, early
 * stopping, the time limit. The duties of each strategy are in training.conformance.ts.
 */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../../contracts/errors.ts';
import type { TrainingConfig } from '../../../../contracts/configuration/training.ts';
import type { Progress } from '../../../../contracts/progress.ts';
import type { LoopContext } from '../../../../services/training/loop/attempt.ts';
import type { EngineFactory, TrainingEngine } from '../../../../services/training/loop/engine.ts';
import { runTraining } from '../../../../services/training/loop/loop.ts';
import { createOnnxEngine } from '../../../../services/training/onnx/engine.ts';
import type { TrainingJob, TrainingOutcome } from '../../../../services/training/strategy.ts';
import { validate } from '../../../../services/training/loop/validation.ts';
import { decodeWeights } from '../../../../services/training/loop/weights.ts';
import { quietContext, timeless, toyJob } from '../toy.ts';

const onnxEngine = createOnnxEngine('cpu');

/** Two passes of six steps. */
const SHORT: Partial<TrainingConfig> = { epochs: 2, checkpointEverySteps: 1 };

const loopContext = (overrides: Partial<LoopContext> = {}): LoopContext => ({
  ...quietContext(),
  isSaverFree: () => true,
  saveCheckpoint: () => {},
  ...overrides,
});

/** The ONNX engine, whose every step goes through `step`; `number` counts from 1 over all engines made. */
function engineWith(step: (take: () => Promise<number>, number: number) => Promise<number>): EngineFactory {
  let steps = 0;
  return {
    framework: onnxEngine.framework,
    async create(spec, initial) {
      const engine = await onnxEngine.create(spec, initial);
      const wrapped: TrainingEngine['step'] = (...args) => step(() => engine.step(...args), ++steps);
      return { ...engine, step: wrapped };
    },
  };
}

const digest = ({ model, weights }: TrainingOutcome) =>
  createHash('sha256').update(model).update(weights!).digest('hex');

async function checkpointsOf(job: TrainingJob, engine = onnxEngine) {
  const checkpoints: Uint8Array[] = [];
  const outcome = await runTraining(
    engine,
    job,
    loopContext({ saveCheckpoint: (bytes) => void checkpoints.push(bytes) }),
  );
  return { outcome, checkpoints };
}

test('training: resumed after any step it ends with the same bytes, curve and course', async () => {
  const { outcome, checkpoints } = await checkpointsOf(toyJob(SHORT));
  assert.is(checkpoints.length, 11, 'one per step; the last needs none');
  for (const resumeFrom of checkpoints) {
    const resumed = await runTraining(onnxEngine, toyJob(SHORT, { resumeFrom }), loopContext());
    assert.is(digest(resumed), digest(outcome));
    assert.equal([resumed.curve.map(timeless), resumed.course], [outcome.curve.map(timeless), outcome.course]);
  }
});

test('training: a slow saver gets the newest state, and training does not wait for it', async () => {
  const saved: Uint8Array[] = [];
  let asked = 0;
  const isSaverFree = () => ++asked === 5 || asked === 9;
  const outcome = await runTraining(
    onnxEngine,
    toyJob(SHORT),
    loopContext({ isSaverFree, saveCheckpoint: (bytes) => void saved.push(bytes) }),
  );
  assert.is(saved.length, 2);
  for (const resumeFrom of saved)
    assert.is(digest(await runTraining(onnxEngine, toyJob(SHORT, { resumeFrom }), loopContext())), digest(outcome));
});

test('training: no step is taken after an abort', async () => {
  const abort = new AbortController();
  const reason = new PipelineError('CANCELLED', 'run run-1 was cancelled');
  let steps = 0;
  const engine = engineWith((take, number) => {
    steps = number;
    if (number === 8) abort.abort(reason);
    return take();
  });
  const failure = await failureOf(runTraining(engine, toyJob(), loopContext({ signal: abort.signal })));
  assert.is(failure, reason);
  assert.is(steps, 8);
});

/** Step `at` makes the engine's loss NaN, once. */
const blowUpOnce = (at: number) =>
  engineWith(async (take, number) => {
    const loss = await take();
    return number === at ? NaN : loss;
  });

test('training: what diverges goes on once from the last good checkpoint at a lower rate, and says so', async () => {
  const warnings: object[] = [];
  const reports: Progress[] = [];
  const log = { info: () => {}, warn: (fields: object) => void warnings.push(fields) };
  const job = toyJob({ epochs: 2, checkpointEverySteps: 4 });
  const outcome = await runTraining(
    blowUpOnce(6),
    job,
    loopContext({ log, progress: (report) => void reports.push(report) }),
  );
  const retry = { divergedAtStep: 6, fromStep: 4, rateFactor: 0.3, reason: 'the loss is NaN' };
  assert.equal(outcome.course!.retry, retry);
  assert.equal(warnings, [{ runId: 'run-1', ...retry }]);
  const figures = { divergedAtStep: 6, lastGoodStep: 4, rateFactor: 0.3 };
  assert.equal(reports[0], { fraction: 4 / 12, done: 4 / 6, total: 2, unit: 'epoch', figures });
  const undisturbed = await runTraining(onnxEngine, job, loopContext());
  const ratio = outcome.curve[1]!.learningRate! / undisturbed.curve[1]!.learningRate!;
  assert.ok(Math.abs(ratio - 0.3) < 1e-9, `${ratio}`);
});

test('training: a checkpoint that no calm loss has followed is not gone back to', async () => {
  // The blow-up is at the step right after the checkpoint of step 4.
  const outcome = await runTraining(blowUpOnce(5), toyJob({ epochs: 2, checkpointEverySteps: 2 }), loopContext());
  assert.is(outcome.course!.retry!.fromStep, 2);
});

test('training: resumed after the retry it keeps the lower rate and ends the same', async () => {
  const job = toyJob({ epochs: 2, checkpointEverySteps: 2 });
  const { outcome, checkpoints } = await checkpointsOf(job, blowUpOnce(6));
  const resumed = await runTraining(onnxEngine, { ...job, resumeFrom: checkpoints.at(-1)! }, loopContext());
  assert.is(digest(resumed), digest(outcome));
  assert.equal(resumed.course, outcome.course);
});

test('training: what diverges again is TRAINING_DIVERGED, naming both steps and the last good checkpoint', async () => {
  const engine = engineWith(async (take, number) => ((await take(), number === 4 || number === 10) ? Infinity : 1));
  const failure = await failureOf(runTraining(engine, toyJob({ checkpointEverySteps: 2 }), loopContext()));
  assert.instance(failure, PipelineError);
  const { code, message } = failure as PipelineError;
  assert.is(code, 'TRAINING_DIVERGED');
  // The second attempt begins at step 2, so its eighth step is the tenth of the engine.
  assert.match(message, /the loss is Infinity at step 8; the last good checkpoint is of step 6; .* at step 4/);
});

test('training: early stopping ends it once the figure stalls, with the weights of the best pass, also resumed', async () => {
  const earlyStopping = { patience: 2, minDelta: 0, metric: 'loss' } as const;
  const job = toyJob({ epochs: 200, learningRate: 0.03, earlyStopping });
  const { outcome, checkpoints } = await checkpointsOf(job);
  const { ended, bestEpoch } = outcome.course!;
  assert.equal([ended, outcome.epochs], ['early-stopping', bestEpoch + 2]);
  const best = outcome.curve[bestEpoch - 1]!;
  assert.ok(outcome.curve.every(({ validationLoss }) => validationLoss! >= best.validationLoss!));
  assert.equal([outcome.loss, outcome.validationRank1], [best.loss, best.validationRank1]);
  const { classifier } = decodeWeights(outcome.weights!);
  const { train, validation } = { ...job, validation: job.validation! };
  const { signal } = loopContext();
  const figures = await validate({
    model: outcome.model,
    train,
    validation,
    classifier,
    scale: 16,
    threads: 1,
    signal,
  });
  assert.is(figures.loss, best.validationLoss);
  const resumed = await runTraining(onnxEngine, { ...job, resumeFrom: checkpoints.at(-1)! }, loopContext());
  assert.is(digest(resumed), digest(outcome));
});

test('training: without a validation split early stopping says that it has nothing to stop by', async () => {
  const earlyStopping = { patience: 1, minDelta: 0, metric: 'loss' } as const;
  const job = toyJob({ epochs: 3, earlyStopping }, { validation: null });
  const warnings: string[] = [];
  const log = { info: () => {}, warn: (_: object, message: string) => void warnings.push(message) };
  const outcome = await runTraining(onnxEngine, job, loopContext({ log }));
  assert.equal([outcome.epochs, outcome.course!.ended, outcome.course!.bestEpoch], [3, 'epochs', 3]);
  assert.equal(warnings, ['training.earlyStopping has no effect: the snapshot has no validation split']);
});

test('training: the time that earlier attempts took counts, and the model is that of the weights reached', async () => {
  const clock = { now: 0 };
  const engine = engineWith((take) => ((clock.now += 100), take()));
  const job = toyJob({ epochs: 100, checkpointEverySteps: 1, maxDurationMs: 1000 });
  const checkpoints: Uint8Array[] = [];
  const context = loopContext({ now: () => clock.now, saveCheckpoint: (bytes) => void checkpoints.push(bytes) });
  const outcome = await runTraining(engine, job, context);
  assert.equal([outcome.course!.ended, outcome.epochs], ['time', 2]);
  // Killed after eight steps: two more are left.
  const resumed = await runTraining(engine, { ...job, resumeFrom: checkpoints[7]! }, context);
  assert.equal([resumed.course!.ended, resumed.curve], ['time', outcome.curve]);
  assert.is(digest(resumed), digest(outcome));
});

test('training: with early stopping the time limit, too, ends it with the weights of the best pass', async () => {
  const clock = { now: 0 };
  const engine = engineWith((take) => ((clock.now += 100), take()));
  const earlyStopping = { patience: 100, minDelta: 0, metric: 'rank-1' } as const;
  // Twenty passes of six steps; the toy people are told apart long before, and an equal figure is no improvement.
  const job = toyJob({ epochs: 50, maxDurationMs: 12_000, earlyStopping });
  const outcome = await runTraining(engine, job, loopContext({ now: () => clock.now }));
  const { ended, bestEpoch } = outcome.course!;
  const ranks = outcome.curve.map(({ validationRank1 }) => validationRank1!);
  assert.equal([ended, outcome.curve.length], ['time', 20]);
  assert.is(bestEpoch, 1 + ranks.indexOf(Math.max(...ranks)));
  assert.ok(bestEpoch < 20, `rank-1 of the passes: ${ranks.join(', ')}`);
  assert.equal([outcome.loss, outcome.validationRank1], [outcome.curve[bestEpoch - 1]!.loss, Math.max(...ranks)]);
});

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => assert.unreachable('it was expected to fail'),
    (error: unknown) => error,
  );

test.run();
