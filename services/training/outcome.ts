/** What a training yields: the model with its metadata, the figures of the pass it is from, and how it went. */
import type { TrainingCourse } from '../../contracts/values.ts';
import { bestEpochOf } from './early-stopping.ts';
import type { Checkpoint } from './checkpoint.ts';
import { exportModel, type Weights } from './export.ts';
import type { Plan } from './plan.ts';
import type { TrainingOutcome } from './strategy.ts';
import { encodeWeights } from './weights.ts';

export interface Ending {
  readonly at: Checkpoint;
  readonly ended: TrainingCourse['ended'];
  readonly imagesPerSecond: number;
}

/** At least one pass has ended, be it cut short. */
export function outcomeOf(plan: Plan, { at, ended, imagesPerSecond }: Ending): TrainingOutcome {
  const { job, net } = plan;
  const { curve, warmStart, retry } = at.position;
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
    course: { ended, bestEpoch: epoch, warmStart, retry },
  };
}

export function modelOf(plan: Plan, weights: Weights, metrics: Record<string, number>): Uint8Array {
  const { job, net, spec, framework } = plan;
  return exportModel(net, weights, {
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
