/** The result of a training: the model with its metadata, the figures of the epoch that it is from, and how it went. */
import type { TrainingCourse } from '../../../contracts/training.ts';
import { bestEpochOf } from './early-stopping.ts';
import type { TrainingCheckpoint } from './checkpoint.ts';
import type { Weights } from '../model/export.ts';
import type { ModelMetadata } from '../model/metadata.ts';
import type { Plan } from './plan.ts';
import type { TrainingOutcome } from '../strategy.ts';
import { encodeWeights } from './weights.ts';

export interface Ending {
  readonly at: TrainingCheckpoint;
  readonly ended: TrainingCourse['ended'];
  readonly imagesPerSecond: number;
}

/** At least one pass has ended, be it cut short. */
export function outcomeOf(plan: Plan, { at, ended, imagesPerSecond }: Ending): TrainingOutcome {
  const { job, net } = plan;
  const { curve, warmStart, retry, head } = at.position;
  const { earlyStopping } = job.config;
  const best = at.best === null || earlyStopping === undefined ? 0 : bestEpochOf(curve, earlyStopping);
  const weights = at.best ?? at.state;
  const { epoch, loss, validationRank1 } = curve[best - 1] ?? curve.at(-1)!;
  const metrics = { epochs: curve.length, loss, ...(validationRank1 !== null && { validationRank1 }) };
  return {
    model: modelOf(plan, weights, metrics),
    weights: encodeWeights({ runId: job.runId, labels: job.train.labels }, net, weights),
    epochs: curve.length,
    loss,
    imagesPerSecond,
    validationRank1,
    curve,
    course: { ended, bestEpoch: epoch, warmStart, retry, ...(head && { head }) },
  };
}

/** For the sets of the plan's subject; not to serve. */
export const trialModelOf = (plan: Plan, weights: Weights): Uint8Array =>
  plan.subject.exportTrial(plan.net, weights, metadataOf(plan, {}));

/** The model that serves. */
export function modelOf(plan: Plan, weights: Weights, metrics: Record<string, number>): Uint8Array {
  const { mirror } = plan.job.config;
  return plan.subject.exportModel(plan.net, weights, { ...metadataOf(plan, metrics), ...(mirror && { mirror }) });
}

function metadataOf({ job, subject, net, spec, framework }: Plan, metrics: Record<string, number>): ModelMetadata {
  const { madeBy } = subject.input;
  return {
    model: job.model,
    runId: job.runId,
    datasetDigest: job.datasetDigest,
    image: job.train.spec,
    embeddingDimensions: net.dimensions,
    classes: spec.classes,
    framework: madeBy === undefined ? framework : `${framework}, on the frozen backbone ${madeBy}`,
    metrics,
  };
}
