/**
 * Transitions of the deployment record, the desired state on which replicas converge. Pure and idempotent: a step that
 * the same run has already taken gives back the very record. The orchestrator stores the result by compare-and-put.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { Deployment, ModelPair } from '../../contracts/values.ts';

/** Replicas are asked to load `pair`; nothing changes for clients. `record` is null before the first announcement. */
export function announce(record: Deployment | null, pair: ModelPair, runId: string, model: string): Deployment {
  if (!record) return announced({ model, current: null, previous: null, candidate: null, epochMax: 0 }, pair, runId);
  const { candidate } = record;
  if (candidate && candidate.runId !== runId) {
    throw conflict(record, runId, `run ${candidate.runId} has announced a candidate; end or resume that run`);
  }
  const known = candidate?.model.digest === pair.model.digest || isCommitted(record, runId);
  return known ? record : announced(record, pair, runId);
}

/** The candidate becomes the epoch in service, and the epoch in service the previous one. */
export function commit(record: Deployment, runId: string, now: Date): Deployment {
  if (isCommitted(record, runId)) return record;
  const { candidate, current } = record;
  if (candidate?.runId !== runId) {
    const holder = candidate ? `the candidate is that of run ${candidate.runId}` : 'there is no candidate';
    throw conflict(record, runId, `${holder}; announce it again`);
  }
  return {
    ...record,
    ...nextEpoch(record, candidate, now),
    previous: current,
    candidate: null,
    runId,
    change: 'committed',
  };
}

/**
 * The previous pair comes back under a new epoch number, and what was in service stays resident as the previous one. A
 * candidate that another run is preparing is kept. Throws NO_PREVIOUS_EPOCH, or DEPLOYMENT_CONFLICT where a later run
 * has already replaced this run's epoch, so that rolling back would bring back the wrong one.
 */
export function rollBack(record: Deployment, runId: string, now: Date): Deployment {
  const { current, previous, change } = record;
  if (record.runId === runId && change === 'rolled-back') return record;
  if (!current || !previous) {
    const which = current ? `epoch ${current.epoch} is its first` : 'it serves none';
    throw new PipelineError('NO_PREVIOUS_EPOCH', `model ${record.model}: ${which}; there is nothing to roll back to`);
  }
  if (previous.runId === runId && change === 'committed') {
    throw conflict(record, runId, `run ${current.runId} has replaced its epoch`);
  }
  // Somebody else has taken this run's epoch out of service: that is what was wanted.
  if (previous.runId === runId) return record;
  return { ...record, ...nextEpoch(record, previous, now), previous: current, runId, change: 'rolled-back' };
}

/** Takes the announcement back. Where the candidate is not (or no longer) this run's, there is nothing left to undo. */
export function withdraw(record: Deployment, runId: string): Deployment {
  if (record.candidate?.runId !== runId) return record;
  return { ...record, candidate: null, runId, change: 'withdrawn' };
}

const announced = (record: Omit<Deployment, 'runId' | 'change'>, pair: ModelPair, runId: string): Deployment => ({
  ...record,
  candidate: { ...pair, runId },
  runId,
  change: 'announced',
});

function nextEpoch({ epochMax }: Deployment, pair: ModelPair, now: Date): Pick<Deployment, 'current' | 'epochMax'> {
  const { model, gallery, golden, runId } = pair;
  const epoch = epochMax + 1;
  return { current: { model, gallery, golden, runId, epoch, committedAt: now.toISOString() }, epochMax: epoch };
}

/** In service already, and not announced anew since. */
const isCommitted = ({ current, candidate }: Deployment, runId: string) => current?.runId === runId && !candidate;

const conflict = ({ model }: Deployment, runId: string, why: string) =>
  new PipelineError('DEPLOYMENT_CONFLICT', `model ${model}, run ${runId}: ${why}`);
