/**
 * Takes steps from a checkpoint on until the training is done or diverges. Called by loop.ts.
 *
 * A snapshot is taken at fixed steps and counts as good once the next loss is calm, so that one taken just before a
 * blow-up is never gone back to. The newest good one is handed over to be saved whenever the saver is free; training
 * never waits for it.
 */
import type { CurvePoint } from '../../../contracts/training.ts';
import { encodeCheckpoint, type TrainingCheckpoint, type Position } from './checkpoint.ts';
import { chanceLoss, isFiniteVector, observeLoss } from './divergence.ts';
import { bestEpochOf, isStalled } from './early-stopping.ts';
import type { EngineFactory, TrainingEngine } from './engine.ts';
import type { Weights } from '../model/export.ts';
import type { BatchSource } from '../input/batches.ts';
import { withMasks } from './masks.ts';
import { trialModelOf, type Ending } from './outcome.ts';
import { headSlot, type TrainingState } from '../nets/parameters.ts';
import type { Plan } from './plan.ts';
import { learningRateAt } from './schedule.ts';
import type { Stop } from './stop.ts';
import type { TrainingContext } from '../strategy.ts';
import { validate, type ValidationFigures } from './validation.ts';

/** In a thread, all that is left of an abort signal is a flag, and a save is handed over, not awaited. */
export interface LoopContext extends Omit<TrainingContext, 'signal' | 'saveCheckpoint'> {
  readonly signal: Stop;
  /** False while an earlier checkpoint is still being saved. */
  readonly isSaverFree: () => boolean;
  readonly saveCheckpoint: (state: Uint8Array) => void;
}

export interface Diverged {
  readonly type: 'diverged';
  readonly reason: string;
  readonly step: number;
  readonly elapsedMs: number;
  /** The last good checkpoint, encoded. */
  readonly good: Uint8Array;
}
export type Done = { readonly type: 'done' } & Ending;

/** Within a long pass, progress is reported this often. */
const PROGRESS_EVERY_MS = 1000;
/** Of the cosines in the validation loss, where the training's own loss has none. */
const PLAIN_SCALE = 16;
const BAD_WEIGHT = 'a weight is not a finite number';

export async function runAttempt(
  engineFactory: EngineFactory,
  plan: Plan,
  from: TrainingCheckpoint,
  source: BatchSource,
  context: LoopContext,
): Promise<Diverged | Done> {
  const engine = await engineFactory.create(plan.spec, from.state);
  try {
    return await new Attempt(plan, engine, from, source, context).run();
  } finally {
    await engine.dispose();
  }
}

/** Steps, and the time that this attempt had spent in steps by then. */
interface StepClock {
  readonly step: number;
  readonly steppedMs: number;
}

class Attempt {
  readonly #plan: Plan;
  readonly #engine: TrainingEngine;
  readonly #context: LoopContext;
  readonly #source: BatchSource;
  readonly #chance: number;
  readonly #startedAt: number;
  readonly #from: Position;
  #position: Position;
  #best: Weights | null;
  /** The last good checkpoint. Encoded, so that it is a copy. */
  #good: Uint8Array;
  /** Good as soon as the next loss is calm. */
  #candidate: Uint8Array | null = null;
  #saved: Uint8Array | null;
  #steppedMs = 0;
  readonly #start: StepClock;
  /** Where the pass under way began, or was taken up. */
  #passFrom: StepClock;
  #reportedAt: number;

  constructor(plan: Plan, engine: TrainingEngine, from: TrainingCheckpoint, source: BatchSource, context: LoopContext) {
    this.#plan = plan;
    this.#engine = engine;
    this.#context = context;
    this.#source = source;
    this.#chance = chanceLoss(plan.spec.loss, plan.spec.classes);
    this.#startedAt = this.#reportedAt = context.now();
    this.#from = this.#position = from.position;
    this.#start = this.#passFrom = { step: from.position.step, steppedMs: 0 };
    this.#best = from.best;
    this.#good = encodeCheckpoint(from, plan.fingerprint);
    // The start of a retry is not stored yet; a training that begins at all has nothing to lose.
    this.#saved = from.position.retry?.fromStep === from.position.step ? null : this.#good;
  }

  async run(): Promise<Diverged | Done> {
    while (true) {
      const ended = this.#endedBy();
      if (ended !== null) return this.#done(ended);
      const divergence = this.#isPassOver() ? await this.#endPass() : await this.#step();
      if (divergence !== null) return this.#diverged(divergence);
      this.#save();
    }
  }

  #endedBy(): Ending['ended'] | null {
    const { curve, step, stepsInPass } = this.#position;
    const { earlyStopping } = this.#plan.job.config;
    // A pass under way is ended first, and there is no model before the first step.
    if (stepsInPass > 0 || step === 0) return null;
    if (earlyStopping !== undefined && isStalled(curve, earlyStopping)) return 'early-stopping';
    if (step >= this.#plan.steps) return 'epochs';
    return this.#isTimeUp() ? 'time' : null;
  }

  #isPassOver(): boolean {
    const { stepsInPass } = this.#position;
    return stepsInPass === this.#plan.stepsPerEpoch || (stepsInPass > 0 && this.#isTimeUp());
  }

  #elapsedMs = (): number => this.#from.elapsedMs + this.#context.now() - this.#startedAt;
  #isTimeUp = (): boolean => this.#elapsedMs() >= this.#plan.job.config.maxDurationMs;

  /** One step of the engine; answers why the training counts as diverged, or null. */
  async #step(): Promise<string | null> {
    this.#context.signal.throwIfAborted();
    const began = this.#context.now();
    const { job, net, stepsPerEpoch } = this.#plan;
    const { step, stepsInPass, lossSum } = this.#position;
    const batch = await this.#source.batch(Math.floor(step / stepsPerEpoch), stepsInPass);
    const masked = withMasks(batch, net, job.config.seed, step + 1);
    const loss = await this.#engine.step(masked, this.#rateAt(step), step + 1);
    this.#steppedMs += this.#context.now() - began;
    const { watch, isCalm, divergence } = observeLoss(this.#position.watch, loss, this.#chance);
    this.#position = {
      ...this.#position,
      step: step + 1,
      stepsInPass: stepsInPass + 1,
      lossSum: lossSum + loss,
      watch,
    };
    if (divergence !== null) return divergence;
    this.#judgeCandidate(isCalm);
    this.#reportWithinPass();
    const isDue = (step + 1) % job.config.checkpointEverySteps === 0 && !this.#isPassOver();
    return isDue ? this.#snapshot(await this.#engine.state()) : null;
  }

  #rateAt(step: number): number {
    const { retry } = this.#position;
    return learningRateAt(step, this.#plan.steps, this.#plan.job.config.learningRate) * (retry?.rateFactor ?? 1);
  }

  async #endPass(): Promise<string | null> {
    const { job } = this.#plan;
    const { step, stepsInPass, lossSum, curve } = this.#position;
    const state = await this.#engine.state();
    if (!isFiniteVector(state.w)) return BAD_WEIGHT;
    const figures = await this.#validate(state);
    const point = {
      epoch: curve.length + 1,
      loss: lossSum / stepsInPass,
      learningRate: this.#rateAt(step - 1),
      validationRank1: figures?.rank1 ?? null,
      validationLoss: figures?.loss ?? null,
      imagesPerSecond: this.#imagesPerSecond(this.#passFrom),
    };
    this.#passFrom = { step, steppedMs: this.#steppedMs };
    this.#position = { ...this.#position, stepsInPass: 0, lossSum: 0, curve: [...curve, point] };
    if (job.config.earlyStopping && bestEpochOf(this.#position.curve, job.config.earlyStopping) === point.epoch)
      this.#best = { w: state.w.slice(), statistics: state.statistics.slice() };
    this.#report(point.epoch, point);
    return this.#snapshot(state);
  }

  async #validate(state: TrainingState): Promise<ValidationFigures | null> {
    const { plan, signal } = { plan: this.#plan, signal: this.#context.signal };
    const { config } = plan.job;
    const { train, validation } = plan.subject;
    if (validation === null || validation.count === 0) return null;
    return validate({
      model: trialModelOf(plan, state),
      train,
      validation,
      classifier: state.w.subarray(headSlot(plan.spec).offset),
      scale: config.loss.type === 'softmax' ? PLAIN_SCALE : config.loss.scale,
      threads: config.threads,
      signal,
    });
  }

  #snapshot(state: TrainingState): string | null {
    if (!Object.values(state).every(isFiniteVector)) return BAD_WEIGHT;
    const position = { ...this.#position, elapsedMs: this.#elapsedMs() };
    this.#candidate = encodeCheckpoint({ state, best: this.#best, position }, this.#plan.fingerprint);
    return null;
  }

  #judgeCandidate(isCalm: boolean): void {
    if (isCalm && this.#candidate !== null) this.#good = this.#candidate;
    this.#candidate = null;
  }

  #save(): void {
    if (this.#good === this.#saved || !this.#context.isSaverFree()) return;
    this.#context.saveCheckpoint(this.#good);
    this.#saved = this.#good;
  }

  #reportWithinPass(): void {
    const now = this.#context.now();
    // The end of a pass is reported with its validation, once.
    if (now - this.#reportedAt < PROGRESS_EVERY_MS || this.#isPassOver()) return;
    this.#reportedAt = now;
    const { step, stepsInPass, lossSum, curve } = this.#position;
    const done = curve.length + stepsInPass / this.#plan.stepsPerEpoch;
    this.#report(done, { loss: lossSum / stepsInPass, learningRate: this.#rateAt(step - 1) });
  }

  #report(done: number, pass: Pick<CurvePoint, 'loss'> & { learningRate: number } & Partial<CurvePoint>): void {
    const { loss, learningRate, validationRank1 = null } = pass;
    const total = this.#plan.job.config.epochs;
    const imagesPerSecond = this.#imagesPerSecond(this.#start);
    const figures = { loss, learningRate, imagesPerSecond, ...(validationRank1 !== null && { validationRank1 }) };
    this.#context.progress({ fraction: Math.min(1, done / total), done, total, unit: 'epoch', figures });
  }

  /** Of the steps since then. */
  #imagesPerSecond({ step, steppedMs }: StepClock): number {
    const images = (this.#position.step - step) * this.#plan.spec.batch;
    const tookMs = this.#steppedMs - steppedMs;
    return tookMs > 0 ? (1000 * images) / tookMs : 0;
  }

  async #done(ended: Ending['ended']): Promise<Done> {
    const at = { state: await this.#engine.state(), best: this.#best, position: this.#position };
    return { type: 'done', at, ended, imagesPerSecond: this.#imagesPerSecond(this.#start) };
  }

  #diverged(reason: string): Diverged {
    const { step } = this.#position;
    return { type: 'diverged', reason, step, elapsedMs: this.#elapsedMs(), good: this.#good };
  }
}
