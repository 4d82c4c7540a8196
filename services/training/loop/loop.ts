/**
 * A training from its beginning or a checkpoint to its outcome. A training that diverges is taken up once more from its
 * last good checkpoint at a lower rate. The same for every engine, and deterministic: all randomness comes from (seed,
 * epoch, step). Runs in a training thread (training.thread.ts); the steps themselves are in attempt.ts.
 */
import type { Layer } from '../../../contracts/configuration/layers.ts';
import { AUTO_HEAD } from '../../../contracts/configuration/training.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { runAttempt, type Diverged, type LoopContext } from './attempt.ts';
import { decodeCheckpoint, START, type Position, type TrainingCheckpoint } from './checkpoint.ts';
import type { EngineFactory } from './engine.ts';
import { chooseHead } from '../frozen/choose-head.ts';
import { freeze } from '../frozen/subject.ts';
import { outcomeOf } from './outcome.ts';
import { planOf, type Plan } from './plan.ts';
import type { TrainingJob, TrainingOutcome } from '../strategy.ts';
import { wholeNet } from './subject.ts';
import { leaveAsItIs } from './untrained.ts';
import { beginTraining } from './warm-start.ts';

/** Of the learning rate, after a divergence: low enough to matter, high enough to still learn something. */
const RETRY_RATE_FACTOR = 0.3;

/** Throws TRAINING_DIVERGED and what the signal throws; everything else that fails here is unexpected. */
export async function runTraining(
  engineFactory: EngineFactory,
  job: TrainingJob,
  context: LoopContext,
): Promise<TrainingOutcome> {
  const { backbone } = job.config;
  const { framework } = engineFactory;
  if (backbone === undefined) return train(engineFactory, planOf(job, framework, wholeNet(job)), context);
  const headed = await freeze(job, backbone, context);
  const planWith = (head: readonly Layer[]) => planOf(job, framework, headed(head));
  if (backbone.head === 'none') return leaveAsItIs(planWith([]), context);
  if (backbone.head !== 'auto') return train(engineFactory, planWith(backbone.head), context);
  const plan = planWith(AUTO_HEAD);
  // Only a training with a head leaves checkpoints, so that one of it has made the choice.
  const resumed = resumePoint(plan, context);
  const began = context.now();
  const choice = resumed?.position.head ?? (await chooseHead(engineFactory, job, headed, context));
  if (choice.chosen === 'none') return leaveAsItIs(planWith([]), context, choice);
  return train(engineFactory, plan, context, resumed, { head: choice, elapsedMs: context.now() - began });
}

/** `before`: what a training from its beginning has behind it. */
async function train(
  engineFactory: EngineFactory,
  plan: Plan,
  context: LoopContext,
  resumed = resumePoint(plan, context),
  before: Pick<Position, 'head' | 'elapsedMs'> = { elapsedMs: 0 },
): Promise<TrainingOutcome> {
  const { config, runId, validation } = plan.job;
  if (config.earlyStopping && !validation)
    context.log.warn({ runId }, 'training.earlyStopping has no effect: the snapshot has no validation split');
  let from = resumed ?? (await beginning(plan, before, context));
  const source = plan.subject.batches(plan.spec.batch);
  try {
    while (true) {
      const end = await runAttempt(engineFactory, plan, from, source, context);
      if (end.type === 'done') return outcomeOf(plan, end);
      from = retryFrom(plan, end, context);
    }
  } finally {
    await source.close();
  }
}

/** Null where there is no checkpoint to go on from. One that cannot be used costs time, not the run. */
function resumePoint({ job, fingerprint }: Plan, { log }: LoopContext): TrainingCheckpoint | null {
  const { runId, resumeFrom } = job;
  if (resumeFrom === null) return null;
  try {
    const checkpoint = decodeCheckpoint(resumeFrom, fingerprint);
    log.info({ runId, step: checkpoint.position.step }, 'training resumes from its checkpoint');
    return checkpoint;
  } catch (cause) {
    if (!(cause instanceof PipelineError)) throw cause;
    log.warn({ runId, err: cause }, 'training starts afresh: its checkpoint cannot be used');
    return null;
  }
}

async function beginning(
  plan: Plan,
  before: Pick<Position, 'head' | 'elapsedMs'>,
  context: LoopContext,
): Promise<TrainingCheckpoint> {
  const { state, warmStart } = await beginTraining(plan, context);
  return { state, best: null, position: { ...START, warmStart, ...before } };
}

/** The last good checkpoint with a lower rate. Throws TRAINING_DIVERGED where that was tried before. */
function retryFrom(
  { job, fingerprint, stepsPerEpoch }: Plan,
  diverged: Diverged,
  { log, progress }: LoopContext,
): TrainingCheckpoint {
  const { step, reason, elapsedMs } = diverged;
  const good = decodeCheckpoint(diverged.good, fingerprint);
  const { position } = good;
  const where = `${reason} at step ${step}; the last good checkpoint is of step ${position.step}`;
  if (position.retry !== null) {
    throw new PipelineError(
      'TRAINING_DIVERGED',
      `training: run ${job.runId}: ${where}; it had diverged before, at step ${position.retry.divergedAtStep}, and went ` +
        `on at ${RETRY_RATE_FACTOR} of its rate; lower training.learningRate (now ${job.config.learningRate})`,
    );
  }
  const retry = { divergedAtStep: step, fromStep: position.step, rateFactor: RETRY_RATE_FACTOR, reason };
  log.warn({ runId: job.runId, ...retry }, `training diverged: ${where}; it goes on from there at a lower rate`);
  const [done, total] = [position.step / stepsPerEpoch, job.config.epochs];
  const figures = { divergedAtStep: step, lastGoodStep: position.step, rateFactor: RETRY_RATE_FACTOR };
  progress({ fraction: Math.min(1, done / total), done, total, unit: 'epoch', figures });
  return { ...good, position: { ...position, elapsedMs, retry } };
}
