/**
 * The training itself: passes over shuffled batches under the learning-rate schedule, with validation, progress and a
 * checkpoint after each. The same for every engine, and deterministic: all randomness comes from (seed, epoch, step).
 * Runs in a training thread (training.thread.ts).
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { WorkLog } from '../work.ts';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from './checkpoint.ts';
import { batchSizes, type EngineFactory, type EngineSpec, type TrainingEngine } from './engine.ts';
import { exportModel } from './export.ts';
import { createInlineBatches, type BatchSource } from './input/batches.ts';
import { withMasks } from './masks.ts';
import { resolveNet, type ResolvedNet } from './nets.ts';
import { initialState, type TrainingState } from './parameters.ts';
import { learningRateAt } from './schedule.ts';
import type { Stop } from './stop.ts';
import type { TrainingContext, TrainingJob, TrainingOutcome } from './strategy.ts';
import { validateRank1 } from './validation.ts';

/** In a thread, all that is left of an abort signal is a flag. */
export type LoopContext = Omit<TrainingContext, 'signal'> & { readonly signal: Stop };

interface Plan {
  readonly job: TrainingJob;
  readonly net: ResolvedNet;
  readonly spec: EngineSpec;
  readonly stepsPerEpoch: number;
  readonly steps: number;
  readonly framework: string;
  readonly fingerprint: string;
}

interface Pass {
  readonly loss: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly elapsedMs: number;
  /** False where the time was up before the pass was complete. */
  readonly complete: boolean;
}

/** Within a long pass, progress is reported this often. */
const PROGRESS_EVERY_MS = 1000;

/** Throws TRAINING_DIVERGED and what the signal throws; everything else that fails here is unexpected. */
export async function runTraining(
  engineFactory: EngineFactory,
  job: TrainingJob,
  context: LoopContext,
): Promise<TrainingOutcome> {
  const plan = planOf(job, engineFactory.framework);
  const start = startingPoint(plan, context.log);
  const { seed, augment } = job.config;
  const source = await createInlineBatches(job.train, { batchSize: plan.spec.batch, seed, augment });
  try {
    const engine = await engineFactory.create(plan.spec, start.state);
    try {
      return await runPasses(plan, engine, source, start, context);
    } finally {
      await engine.dispose();
    }
  } finally {
    await source.close();
  }
}

function planOf(job: TrainingJob, framework: string): Plan {
  const { config, train } = job;
  const net = resolveNet(config.net, train.spec);
  const { batch, microBatch } = batchSizes(config, train.count);
  const { loss, optimizer, threads } = config;
  const spec = { net, classes: train.labels.length, batch, microBatch, loss, optimizer, threads };
  const stepsPerEpoch = Math.ceil(train.count / batch);
  // The number of threads changes the speed, not the result, so a restart may use another.
  const { threads: _threads, maxDurationMs: _maxDurationMs, ...settings } = config;
  const fingerprint = JSON.stringify([job.runId, job.datasetDigest, train.count, train.spec, settings]);
  return { job, net, spec, stepsPerEpoch, steps: stepsPerEpoch * config.epochs, framework, fingerprint };
}

/** A checkpoint that cannot be used costs time, not the run. */
function startingPoint({ job, spec, fingerprint }: Plan, log: WorkLog): Checkpoint {
  const fresh = { state: initialState(spec, job.config.seed), epoch: 0, step: 0, elapsedMs: 0, curve: [] };
  if (job.resumeFrom === null) return fresh;
  try {
    const checkpoint = decodeCheckpoint(job.resumeFrom, fingerprint);
    log.info({ runId: job.runId, epoch: checkpoint.epoch }, 'training resumes from its checkpoint');
    return checkpoint;
  } catch (cause) {
    if (!(cause instanceof PipelineError)) throw cause;
    log.warn({ runId: job.runId, err: cause }, 'training starts afresh: its checkpoint cannot be used');
    return fresh;
  }
}

async function runPasses(
  plan: Plan,
  engine: TrainingEngine,
  source: BatchSource,
  start: Checkpoint,
  context: LoopContext,
): Promise<TrainingOutcome> {
  const { config } = plan.job;
  let done = start;
  let trainedMs = 0;
  let images = 0;
  while (done.epoch < config.epochs && done.elapsedMs < config.maxDurationMs) {
    const pass = await runPass(plan, engine, source, done, context);
    trainedMs += pass.elapsedMs;
    images += pass.steps * plan.spec.batch;
    done = await afterPass(plan, engine, done, pass, context.signal);
    const { loss, validationRank1 } = done.curve.at(-1)!;
    const figures = { loss, learningRate: pass.learningRate, imagesPerSecond: (1000 * images) / trainedMs };
    report(context, config.epochs, done.epoch, { ...figures, ...(validationRank1 !== null && { validationRank1 }) });
    if (pass.complete) await context.saveCheckpoint(encodeCheckpoint(done, plan.fingerprint));
  }
  return outcomeOf(plan, done, trainedMs > 0 ? (1000 * images) / trainedMs : 0);
}

async function runPass(
  plan: Plan,
  engine: TrainingEngine,
  source: BatchSource,
  from: Checkpoint,
  context: LoopContext,
): Promise<Pass> {
  const { config } = plan.job;
  const began = context.now();
  let reported = began;
  let sum = 0;
  let steps = 0;
  let learningRate = 0;
  while (steps < plan.stepsPerEpoch) {
    context.signal.throwIfAborted();
    const step = from.step + steps;
    learningRate = learningRateAt(step, plan.steps, config.learningRate);
    const batch = await source.batch(from.epoch, steps);
    const loss = await engine.step(withMasks(batch, plan.net, config.seed, step + 1), learningRate, step + 1);
    if (!Number.isFinite(loss)) throw diverged(plan, from.epoch + 1, step + 1, `the loss is ${loss}`);
    sum += loss;
    steps += 1;
    const now = context.now();
    if (from.elapsedMs + now - began >= config.maxDurationMs) break;
    // The end of a pass is reported with its validation, once.
    if (now - reported < PROGRESS_EVERY_MS || steps === plan.stepsPerEpoch) continue;
    reported = now;
    const figures = {
      loss: sum / steps,
      learningRate,
      imagesPerSecond: (1000 * steps * plan.spec.batch) / (now - began),
    };
    report(context, config.epochs, from.epoch + steps / plan.stepsPerEpoch, figures);
  }
  const elapsedMs = context.now() - began;
  return { loss: sum / steps, steps, learningRate, elapsedMs, complete: steps === plan.stepsPerEpoch };
}

async function afterPass(
  plan: Plan,
  engine: TrainingEngine,
  before: Checkpoint,
  pass: Pass,
  signal: Stop,
): Promise<Checkpoint> {
  const state = await engine.state();
  const epoch = before.epoch + 1;
  const step = before.step + pass.steps;
  if (!state.w.every(Number.isFinite)) throw diverged(plan, epoch, step, 'a weight is not a finite number');
  const validationRank1 = await validate(plan, state, signal);
  const curve = [...before.curve, { epoch, loss: pass.loss, validationRank1 }];
  return { state, epoch, step, elapsedMs: before.elapsedMs + pass.elapsedMs, curve };
}

async function validate(plan: Plan, state: TrainingState, signal: Stop): Promise<number | null> {
  const { train, validation, config } = plan.job;
  if (validation === null || validation.count === 0) return null;
  return validateRank1({ model: modelOf(plan, state, {}), train, validation, threads: config.threads, signal });
}

function outcomeOf(plan: Plan, done: Checkpoint, imagesPerSecond: number): TrainingOutcome {
  const { loss, validationRank1 } = done.curve.at(-1)!;
  const metrics = { epochs: done.epoch, loss, ...(validationRank1 !== null && { validationRank1 }) };
  const model = modelOf(plan, done.state, metrics);
  return { model, epochs: done.epoch, loss, imagesPerSecond, validationRank1, curve: done.curve };
}

function modelOf(
  { job, net, spec, framework }: Plan,
  state: TrainingState,
  metrics: Record<string, number>,
): Uint8Array {
  return exportModel(net, state, {
    model: job.model,
    runId: job.runId,
    datasetDigest: job.datasetDigest,
    image: net.image,
    embeddingDimensions: net.dimensions,
    classes: spec.classes,
    framework,
    metrics,
  });
}

function report(context: LoopContext, total: number, done: number, figures: Record<string, number>): void {
  context.progress({ fraction: Math.min(1, done / total), done, total, unit: 'epoch', figures });
}

function diverged({ job }: Plan, epoch: number, step: number, what: string): PipelineError {
  return new PipelineError(
    'TRAINING_DIVERGED',
    `training: run ${job.runId}: ${what} in epoch ${epoch}, step ${step}; ` +
      `lower training.learningRate (now ${job.config.learningRate})`,
  );
}
