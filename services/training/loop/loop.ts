/**
 * A training from its beginning or a checkpoint to its outcome. A training that diverges is taken up once more from its
 * last good checkpoint at a lower rate. The same for every engine, and deterministic: all randomness comes from (seed,
 * epoch, step). Runs in a training thread (training.thread.ts); the steps themselves are in attempt.ts.
 */
import { PipelineError } from '../../../contracts/errors.ts';
import { runAttempt, type Diverged, type LoopContext } from './attempt.ts';
import { decodeCheckpoint, type TrainingCheckpoint } from './checkpoint.ts';
import type { EngineFactory } from './engine.ts';
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
  const subject = job.config.backbone ? await freeze(job, job.config.backbone, context) : wholeNet(job);
  const plan = planOf(job, engineFactory.framework, subject);
  if (job.config.backbone?.head === 'none') return leaveAsItIs(plan, context);
  if (job.config.earlyStopping && !job.validation)
    context.log.warn(
      { runId: job.runId },
      'training.earlyStopping has no effect: the snapshot has no validation split',
    );
  let from = await startingPoint(plan, context);
  const source = subject.batches(plan.spec.batch);
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

/** A checkpoint that cannot be used costs time, not the run. */
async function startingPoint(plan: Plan, context: LoopContext): Promise<TrainingCheckpoint> {
  const { runId, resumeFrom } = plan.job;
  if (resumeFrom !== null) {
    try {
      const checkpoint = decodeCheckpoint(resumeFrom, plan.fingerprint);
      context.log.info({ runId, step: checkpoint.position.step }, 'training resumes from its checkpoint');
      return checkpoint;
    } catch (cause) {
      if (!(cause instanceof PipelineError)) throw cause;
      context.log.warn({ runId, err: cause }, 'training starts afresh: its checkpoint cannot be used');
    }
  }
  const { state, warmStart } = await beginTraining(plan, context);
  const position = {
    step: 0,
    stepsInPass: 0,
    lossSum: 0,
    curve: [],
    elapsedMs: 0,
    watch: null,
    warmStart,
    retry: null,
  };
  return { state, best: null, position };
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
