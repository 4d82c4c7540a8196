/**
 * The duties of every training strategy, on a toy set that trains in seconds. A test file per strategy calls this and
 * then test.run(). Most tests look at one and the same training, because a slow strategy takes seconds for each.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { PipelineError, type ErrorCode } from '../../../contracts/errors.ts';
import type { TrainingConfig } from '../../../contracts/configuration/training.ts';
import type { Progress } from '../../../contracts/progress.ts';
import { readModelMetadata } from '../../../services/training/model/metadata.ts';
import type { TrainingJob, TrainingOutcome, TrainingStrategy } from '../../../services/training/strategy.ts';
import { quietContext, timeless, toyImages, toyJob } from './toy.ts';

/** Everything that the toy job leaves at its default. */
const OTHERS: Partial<TrainingConfig> = {
  epochs: 2,
  net: [
    { type: 'depthwise-conv', kernel: 3, stride: 2, pad: 1 },
    { type: 'conv', filters: 6, kernel: 1, stride: 1 },
    { type: 'residual', layers: [{ type: 'batch-norm' }, { type: 'prelu' }] },
    { type: 'average-pool' },
    { type: 'flatten' },
    { type: 'dropout', rate: 0.2 },
    { type: 'dense', units: 8 },
  ],
  loss: { type: 'arcface', scale: 16, margin: 0.2, labelSmoothing: 0.05 },
  optimizer: { type: 'adamw', weightDecay: 0.01, clipNorm: 5 },
};

/** A pass of the toy job has six steps, so the first checkpoint is one in the middle of a pass. */
const EVERY_STEPS = 2;

interface Undisturbed {
  readonly outcome: TrainingOutcome;
  readonly reports: readonly Progress[];
  readonly checkpoints: readonly Uint8Array[];
}

export function checkTrainingStrategy(strategy: TrainingStrategy): void {
  const { name } = strategy;
  const train = (job: TrainingJob, context = quietContext()) => strategy.train(job, context);
  let once: Promise<Undisturbed> | undefined;
  const undisturbed = () => (once ??= recordTraining(strategy));

  test(`${name}: learns to tell the toy people apart`, async () => {
    const { outcome } = await undisturbed();
    assert.is(outcome.epochs, 4);
    assert.ok(outcome.validationRank1! >= 0.9, `rank-1 ${outcome.validationRank1}`);
    assert.ok(outcome.loss < outcome.curve[0]!.loss / 2, `loss ${outcome.curve[0]!.loss} -> ${outcome.loss}`);
    assert.ok(outcome.imagesPerSecond > 0);
    const epochs = outcome.curve.map(({ epoch }) => epoch);
    assert.equal(epochs, [1, 2, 3, 4]);
  });

  test(`${name}: reports each pass`, async () => {
    const { reports } = await undisturbed();
    const last = reports.at(-1)!;
    assert.equal({ ...last, figures: {} }, { fraction: 1, done: 4, total: 4, unit: 'epoch', figures: {} });
    assert.equal(Object.keys(last.figures).sort(), ['imagesPerSecond', 'learningRate', 'loss', 'validationRank1']);
    assert.is(reports.filter(({ done }) => Number.isInteger(done)).length, 4);
  });

  test(`${name}: the model takes any batch of raw pixels and gives rows of length 1`, async () => {
    const session = await InferenceSession.create((await undisturbed()).outcome.model);
    assert.equal(session.inputNames, ['images']);
    assert.equal(session.outputNames, ['embeddings']);
    const three = await embed(session, 3);
    const one = await embed(session, 1);
    assert.is(three.length, 3 * 8);
    for (let row = 0; row < 3; row++) {
      const length = Math.hypot(...three.subarray(row * 8, row * 8 + 8));
      assert.ok(Math.abs(length - 1) < 1e-5, `row ${row} has length ${length}`);
    }
    one.forEach((value, index) => assert.ok(Math.abs(value - three[index]!) < 1e-5, 'depends on its batch'));
    await session.release();
  });

  test(`${name}: the model says where it comes from`, async () => {
    const { framework, metrics, ...metadata } = readModelMetadata((await undisturbed()).outcome.model);
    assert.equal(metadata, {
      model: 'toy',
      runId: 'run-1',
      datasetDigest: toyJob().datasetDigest,
      image: { width: 16, height: 16, channels: 1 },
      embeddingDimensions: 8,
      classes: 4,
    });
    assert.ok(framework.startsWith(name), framework);
    assert.equal(Object.keys(metrics), ['epochs', 'loss', 'validationRank1']);
  });

  test(`${name}: resumed in the middle of a pass it ends with the same model as undisturbed`, async () => {
    const { outcome, checkpoints } = await undisturbed();
    const resumed = await train(toyJob({ checkpointEverySteps: EVERY_STEPS }, { resumeFrom: checkpoints[0]! }));
    assert.ok(Buffer.from(resumed.model).equals(outcome.model));
    assert.equal(resumed.weights && Buffer.from(resumed.weights), outcome.weights && Buffer.from(outcome.weights));
    assert.equal(resumed.curve.map(timeless), outcome.curve.map(timeless));
  });

  test(`${name}: with dropout, residuals, another loss and optimiser a resumed training ends the same, too`, async () => {
    const checkpoints: Uint8Array[] = [];
    const saveCheckpoint = async (state: Uint8Array) => void checkpoints.push(state);
    const outcome = await train(toyJob(OTHERS), quietContext({ saveCheckpoint }));
    assert.ok(outcome.loss < outcome.curve[0]!.loss, `loss ${outcome.curve[0]!.loss} -> ${outcome.loss}`);
    const resumed = await train(toyJob(OTHERS, { resumeFrom: checkpoints[0]! }));
    assert.ok(Buffer.from(resumed.model).equals(outcome.model));
  });

  test(`${name}: a checkpoint of another run is warned of, and one seed gives one model again`, async () => {
    const { outcome, checkpoints } = await undisturbed();
    const warnings: string[] = [];
    const log = { info: () => {}, warn: (_: object, message: string) => void warnings.push(message) };
    const again = await train(
      toyJob({ checkpointEverySteps: EVERY_STEPS }, { resumeFrom: checkpoints[0]!.slice(0, 100) }),
      quietContext({ log }),
    );
    assert.equal(warnings, ['training starts afresh: its checkpoint cannot be used']);
    assert.ok(Buffer.from(again.model).equals(outcome.model));
  });

  test(`${name}: an abort rejects with the signal's reason`, async () => {
    const abort = new AbortController();
    const reason = new PipelineError('CANCELLED', 'run run-1 was cancelled');
    const progress = () => abort.abort(reason);
    const job = toyJob({ epochs: 10_000 });
    assert.is(await rejection(train(job, quietContext({ signal: abort.signal, progress }))), reason);
    assert.is(await rejection(train(job, quietContext({ signal: abort.signal }))), reason, 'aborted beforehand');
  });

  test(`${name}: the time limit ends training with the weights reached`, async () => {
    const outcome = await train(toyJob({ epochs: 10_000, maxDurationMs: 1000 }));
    assert.ok(outcome.epochs < 10_000);
    assert.is(readModelMetadata(outcome.model).metrics.epochs, outcome.epochs);
  });

  test(`${name}: a loss that is no number is TRAINING_DIVERGED`, async () => {
    await rejects(train(toyJob({ learningRate: 1e38 })), 'TRAINING_DIVERGED', /learningRate/);
  });

  test(`${name}: a checkpoint that cannot be saved ends training with that error`, async () => {
    const saveCheckpoint = () => Promise.reject(new PipelineError('NATS_UNAVAILABLE', 'no server'));
    await rejects(train(toyJob(), quietContext({ saveCheckpoint })), 'NATS_UNAVAILABLE', /no server/);
  });

  test(`${name}: a net that does not fit is NET_INVALID`, async () => {
    await rejects(train(toyJob({ net: [{ type: 'dense', units: 4 }] })), 'NET_INVALID', /layer 0 \(dense\)/);
  });

  test(`${name}: one person, or hardly an image, is DATASET_TOO_SMALL`, async () => {
    const only = (set: ReturnType<typeof toyImages>) => train(toyJob({}, { train: set }));
    await rejects(only(toyImages(12, 1, 1)), 'DATASET_TOO_SMALL', /12 images of 1 people/);
    await rejects(only(toyImages(1, 1, 2)), 'DATASET_TOO_SMALL', /2 images of 2 people/);
  });
}

async function recordTraining(strategy: TrainingStrategy): Promise<Undisturbed> {
  const reports: Progress[] = [];
  const checkpoints: Uint8Array[] = [];
  const progress = (report: Progress) => void reports.push(report);
  const saveCheckpoint = async (state: Uint8Array) => void checkpoints.push(state);
  const outcome = await strategy.train(
    toyJob({ checkpointEverySteps: EVERY_STEPS }),
    quietContext({ progress, saveCheckpoint }),
  );
  return { outcome, reports, checkpoints };
}

async function embed(session: InferenceSession, count: number): Promise<Float32Array> {
  const { spec, pixels } = toyImages(2, 3);
  const images = Float32Array.from(pixels.subarray(0, count * spec.width * spec.height));
  const out = await session.run({ images: new Tensor('float32', images, [count, 1, spec.height, spec.width]) });
  return out.embeddings!.data as Float32Array; // the contract says float32
}

async function rejects(work: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  const error = await rejection(work);
  assert.instance(error, PipelineError);
  assert.is((error as PipelineError).code, code);
  assert.match((error as PipelineError).message, message);
}

const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => assert.unreachable('it was expected to reject'),
    (error: unknown) => error,
  );
