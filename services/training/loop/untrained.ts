/**
 * The outcome where nothing is to be trained: a frozen backbone without a head serves its features, brought to length 1.
 * The figures are those of a training all the same, so that nights with and without a head can be compared. Called by
 * loop.ts.
 */
import type { HeadChoice } from '../../../contracts/training.ts';
import type { LoopContext } from './attempt.ts';
import { trialModelOf, modelOf } from './outcome.ts';
import type { Plan } from './plan.ts';
import type { TrainingOutcome } from '../strategy.ts';
import { enrol, validate, validateRank1 } from './validation.ts';

/** Nothing of a net without parameters. */
const NO_WEIGHTS = { w: new Float32Array(0), statistics: new Float32Array(0) };
/** Of the cosines in the loss: the default of a training's loss. */
const SCALE = 16;
const REASON = 'training.backbone.head is "none": nothing is trained';

/**
 * The loss is that of the training images against the mean of each person. `head`: set where none was chosen, not asked
 * for. Throws what the signal throws.
 */
export async function leaveAsItIs(
  plan: Plan,
  { signal, log, now }: LoopContext,
  head?: HeadChoice,
): Promise<TrainingOutcome> {
  const { job, subject, net } = plan;
  const { train, validation } = subject;
  const { threads } = job.config;
  const reason = head?.reason ?? REASON;
  const began = now();
  const model = trialModelOf(plan, NO_WEIGHTS);
  const means = await enrol({ model, train, threads, signal }, new Set(train.labels));
  const classifier = new Float32Array(train.labels.length * net.dimensions);
  train.labels.forEach((label, row) => classifier.set(means.get(label) ?? [], row * net.dimensions));
  const { loss } = await validate({ model, train, validation: train, classifier, scale: SCALE, threads, signal });
  const isValidated = validation !== null && validation.count > 0;
  const validationRank1 = isValidated ? await validateRank1({ model, train, validation, threads, signal }) : null;
  log.info({ runId: job.runId, loss, validationRank1 }, `training: ${reason}`);
  const metrics = { epochs: 0, loss, ...(validationRank1 !== null && { validationRank1 }) };
  return {
    model: modelOf(plan, NO_WEIGHTS, metrics),
    epochs: 0,
    loss,
    imagesPerSecond: (1000 * train.count) / Math.max(1, now() - began),
    validationRank1,
    curve: [],
    course: {
      ...{ ended: 'epochs', bestEpoch: 0, warmStart: { type: 'scratch', reason }, retry: null },
      ...(head && { head }),
    },
  };
}
