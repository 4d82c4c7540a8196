/**
 * Whether an ONNX file from outside is a model as every strategy yields it (strategy.ts), and the same file with the
 * metadata of this run. The model is run behind a wall (walled-session.ts); the rest belongs into a training thread.
 */
import { Tensor } from 'onnxruntime-node';
import { PipelineError } from '../../../contracts/errors.ts';
import { openImages } from '../../data/image-reader.ts';
import type { TrainingImages } from '../../data/strategy.ts';
import { checkModel } from '../../serving/host/model-shape.ts';
import { withMetadata, type ModelMetadata } from '../model/metadata.ts';
import { imageSize } from '../input/pixels.ts';
import type { Stop } from '../loop/stop.ts';
import type { TrainingJob, TrainingOutcome } from '../strategy.ts';
import { validateRank1 } from '../loop/validation.ts';
import { ModelRefused, openWalled, type ModelSession, type WalledSession } from '../walled/walled-session.ts';

/** The model that the program left, and what it said on the way. */
export interface ProgramResult {
  readonly model: Uint8Array;
  readonly curve: TrainingOutcome['curve'];
  readonly imagesPerSecond: number;
  /** Name of the program, for the metadata. */
  readonly program: string;
}

/** Images on which the model is tried. */
const TRIAL_IMAGES = 3;
/** Of a row's length from 1, and of a row from the same image's in another batch; far above what rounding makes. */
const DEVIATION_MAX = 1e-3;

/** Throws MODEL_INVALID saying what is missing, or what the signal throws. */
export async function acceptModel(result: ProgramResult, job: TrainingJob, signal: Stop): Promise<TrainingOutcome> {
  const { model, curve, imagesPerSecond } = result;
  const { runId, train } = job;
  const { dimensions: embeddingDimensions, validationRank1 } = await withSession(model, job, signal, (session) =>
    judge(session, job, signal),
  );
  const { epoch: epochs, loss } = curve.at(-1)!;
  const metadata: ModelMetadata = {
    model: job.model,
    runId,
    datasetDigest: job.datasetDigest,
    image: train.spec,
    embeddingDimensions,
    classes: train.labels.length,
    framework: `command ${result.program}`,
    metrics: { epochs, loss, ...(validationRank1 !== null && { validationRank1 }) },
  };
  return { model: withMetadata(model, metadata), epochs, loss, imagesPerSecond, validationRank1, curve };
}

/** For a model that comes with its metadata. Throws as `acceptModel`. */
export async function tryModel(model: Uint8Array, job: TrainingJob, signal: Stop): Promise<void> {
  await withSession(model, job, signal, (session) => dimensionsOf(session, job));
}

async function judge(session: WalledSession, job: TrainingJob, signal: Stop) {
  const { config, train, validation } = job;
  const dimensions = await dimensionsOf(session, job);
  const isValidated = validation !== null && validation.count > 0;
  const validationRank1 = isValidated
    ? await validateRank1({ model: session, train, validation, threads: config.threads, signal }).catch(
        rethrown(job, 'it fails on the validation images'),
      )
    : null;
  return { dimensions, validationRank1 };
}

async function dimensionsOf(session: WalledSession, job: TrainingJob): Promise<number> {
  const shape = checkModel(session.inputMetadata, session.outputMetadata, job.train.spec);
  if ('problem' in shape) throw invalid(job, shape.problem);
  const together = await embed(session, job, TRIAL_IMAGES);
  const alone = await embed(session, job, 1);
  checkRows(job, together, alone, shape.dimensions);
  return shape.dimensions;
}

async function withSession<T>(
  model: Uint8Array,
  job: TrainingJob,
  signal: Stop,
  use: (session: WalledSession) => Promise<T>,
): Promise<T> {
  const { threads, foreignModel: limits } = job.config;
  const session = await openWalled(model, { limits, threads, signal }).catch(
    rethrown(job, 'onnxruntime cannot load it'),
  );
  try {
    return await use(session);
  } finally {
    await session.release();
  }
}

/** [count, dimensions] of the first training images. */
async function embed(session: ModelSession, job: TrainingJob, count: number): Promise<Float32Array> {
  const { spec } = job.train;
  const images = Float32Array.from(await firstImages(job.train, count));
  const feeds = { images: new Tensor('float32', images, [count, spec.channels, spec.height, spec.width]) };
  const { embeddings } = await session
    .run(feeds, ['embeddings'])
    .catch(rethrown(job, `it fails on ${count} training images`));
  return embeddings!.data as Float32Array; // checkModel saw that it is float32
}

async function firstImages(set: TrainingImages, count: number): Promise<Uint8Array> {
  const pixels = new Uint8Array(count * imageSize(set));
  const reader = openImages(set);
  try {
    await reader.read(
      Int32Array.from({ length: count }, (_, index) => index),
      pixels,
    );
    return pixels;
  } finally {
    reader.close();
  }
}

function checkRows(job: TrainingJob, rows: Float32Array, first: Float32Array, dimensions: number): void {
  const [count, wanted] = [rows.length / dimensions, TRIAL_IMAGES];
  if (count !== wanted || first.length !== dimensions)
    throw invalid(job, `it gives ${count} embeddings for ${wanted} images`);
  if (!rows.every(Number.isFinite)) throw invalid(job, 'its embeddings of raw pixels (0..255) are not finite numbers');
  for (let from = 0; from < rows.length; from += dimensions) {
    const length = Math.hypot(...rows.subarray(from, from + dimensions));
    if (Math.abs(length - 1) > DEVIATION_MAX)
      throw invalid(job, `its embeddings have length ${length.toPrecision(4)}, not 1; normalise them in the graph`);
  }
  if (first.some((value, index) => Math.abs(value - rows[index]!) > DEVIATION_MAX))
    throw invalid(job, 'an image gets another embedding in another batch; export it for inference (model.eval())');
}

/** A model that was refused is MODEL_INVALID; anything else, such as what the signal throws, is passed on. */
const rethrown =
  (job: TrainingJob, problem: string) =>
  (cause: unknown): never => {
    throw cause instanceof ModelRefused ? invalid(job, `${problem} (${cause.message})`, cause) : cause;
  };

const invalid = ({ runId }: TrainingJob, problem: string, cause?: unknown): PipelineError =>
  new PipelineError('MODEL_INVALID', `training: run ${runId}: the model from outside: ${problem}`, { cause });
