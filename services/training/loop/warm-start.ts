/**
 * Begins a training with the champion's weights: the backbone as it is, the classifier's rows of people known by name,
 * and for each new person the mean of their embeddings under that backbone (weight imprinting, Qi et al.,
 * arXiv:1712.07136), which is where training would move the row first. Called by loop.ts where no checkpoint is.
 */
import { PipelineError } from '../../../contracts/errors.ts';
import type { TrainingCourse } from '../../../contracts/training.ts';
import type { WorkLog } from '../../work.ts';
import { trialModelOf } from './outcome.ts';
import { headSlot, initialState, type TrainingState } from '../nets/parameters.ts';
import type { Plan } from './plan.ts';
import type { Stop } from './stop.ts';
import { enrol } from './validation.ts';
import { decodeWeights, netText, type StoredWeights } from './weights.ts';

export interface Beginning {
  readonly state: TrainingState;
  readonly warmStart: TrainingCourse['warmStart'];
}

/** Weights that cannot be used cost time, not the run: training then begins from scratch and says why. */
export async function beginTraining(
  plan: Plan,
  { log, signal }: { readonly log: WorkLog; readonly signal: Stop },
): Promise<Beginning> {
  const { job } = plan;
  const fresh = initialState(plan.spec, job.config.seed);
  const stored = usableWeights(plan);
  if (typeof stored === 'string') {
    log.info({ runId: job.runId, reason: stored }, `training begins from scratch: ${stored}`);
    return { state: fresh, warmStart: { type: 'scratch', reason: stored } };
  }
  const beginning = await carryOver(plan, fresh, stored, signal);
  log.info({ runId: job.runId, ...beginning.warmStart }, `training begins with the weights of run ${stored.runId}`);
  return beginning;
}

/** The stored weights, or why there are none to begin with. */
function usableWeights({ job, net }: Plan): StoredWeights | string {
  if (!job.config.warmStart) return 'training.warmStart is false';
  if (job.lineageBreak) return job.lineageBreak;
  if (!job.championWeights) return 'there is no champion whose weights are stored';
  try {
    const stored = decodeWeights(job.championWeights);
    return stored.net === netText(net) ? stored : `the champion (run ${stored.runId}) has another net or image size`;
  } catch (cause) {
    if (!(cause instanceof PipelineError)) throw cause;
    return `the champion's weights cannot be used (${cause.message})`;
  }
}

async function carryOver(plan: Plan, fresh: TrainingState, stored: StoredWeights, signal: Stop): Promise<Beginning> {
  const { net, job, spec } = plan;
  const w = fresh.w.slice();
  w.set(stored.backbone);
  const { statistics } = stored;
  const rowAt = (person: number) =>
    w.subarray(headSlot(spec).offset + person * net.dimensions).subarray(0, net.dimensions);
  const rowOf = new Map(stored.labels.map((label, row) => [label, row]));
  const newcomers = new Set<string>();
  for (const [person, label] of job.train.labels.entries()) {
    const row = rowOf.get(label);
    if (row === undefined) newcomers.add(label);
    else rowAt(person).set(stored.classifier.subarray(row * net.dimensions, (row + 1) * net.dimensions));
  }
  if (newcomers.size > 0) {
    const model = trialModelOf(plan, { w, statistics });
    const means = await enrol({ model, train: plan.subject.train, threads: job.config.threads, signal }, newcomers);
    for (const [person, label] of job.train.labels.entries()) {
      const mean = newcomers.has(label) ? means.get(label) : undefined;
      if (mean !== undefined) imprint(rowAt(person), mean);
    }
  }
  const peopleNew = newcomers.size;
  const peopleCarried = spec.classes - peopleNew;
  return {
    state: { ...fresh, w, statistics },
    warmStart: { type: 'warm', from: stored.runId, peopleCarried, peopleNew },
  };
}

/** Turns a fresh row into the direction of `mean`, which has length 1, and keeps its length. */
function imprint(row: Float32Array, mean: Float32Array): void {
  const length = Math.hypot(...row);
  mean.forEach((value, at) => (row[at] = length * value));
}
