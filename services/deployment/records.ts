/**
 * Transitions of the deployment record, the desired state on which replicas converge. Pure and idempotent: a step that
 * the same run has already taken gives back the very record. The orchestrator stores the result by compare-and-put.
 */
import { PipelineError } from '../../contracts/errors.ts';
import { RETAINED_RELEASES } from '../../contracts/configuration/deployment.ts';
import type { Candidate, Deployment, LedgerEntry } from '../../contracts/release.ts';
import { originOf, retain } from './retained.ts';

/** What the ledger says of a new release, and how much is retained beside it. */
export interface Terms {
  readonly reason: LedgerEntry['reason'];
  readonly why: string | null;
  readonly retainedMax: number;
}

/** Three months of nights. The whole record is read by every replica at each change, so it stays small. */
export const LEDGER_MAX = 100;
/** A sentence or two. */
const WHY_LENGTH_MAX = 500;

/** Replicas are asked to load `pair`; nothing changes for clients. `record` is null before the first announcement. */
export function announce(record: Deployment | null, pair: Candidate, runId: string, model: string): Deployment {
  if (!record) return announced({ model, ...EMPTY }, pair, runId);
  const { candidate } = record;
  if (candidate && candidate.runId !== runId) {
    throw conflict(record, runId, `run ${candidate.runId} has announced a candidate; end or resume that run`);
  }
  const known = candidate?.model.digest === pair.model.digest || isCommitted(record, runId);
  return known ? record : announced(record, pair, runId);
}

/** The prepared candidate answers a share of the requests. */
export function tryOut(record: Deployment, runId: string, canary: Candidate['canary']): Deployment {
  const { candidate } = record;
  if (isCommitted(record, runId) || (candidate?.runId === runId && candidate.canary)) return record;
  if (candidate?.runId !== runId) throw conflict(record, runId, 'its candidate is gone; announce it again');
  return { ...record, candidate: { ...candidate, canary }, runId, change: 'tried' };
}

/** The candidate becomes the release in service, and the release in service the previous one. */
export function commit(record: Deployment, runId: string, now: Date, terms: Partial<Terms> = {}): Deployment {
  if (isCommitted(record, runId)) return record;
  const { candidate } = record;
  if (candidate?.runId !== runId) {
    const holder = candidate ? `the candidate is that of run ${candidate.runId}` : 'there is no candidate';
    throw conflict(record, runId, `${holder}; announce it again`);
  }
  const reason = candidate.origin ? 'operator' : 'deployed';
  const next = nextRelease({ ...record, runId }, candidate, now, { reason, ...terms });
  return { ...next, candidate: null, change: 'committed' };
}

/**
 * The previous pair comes back under a new release number, and what was in service stays resident as the previous one. A
 * candidate that another run is preparing is kept. Throws NO_PREVIOUS_RELEASE, or DEPLOYMENT_CONFLICT where a later run
 * has already replaced this run's release, so that rolling back would bring back the wrong one.
 */
export function rollBack(record: Deployment, runId: string, now: Date, terms: Partial<Terms> = {}): Deployment {
  const { current, previous, change } = record;
  if (record.runId === runId && change === 'rolled-back') return record;
  if (!current || !previous) {
    const which = current ? `release ${current.release} is its first` : 'it serves none';
    throw new PipelineError('NO_PREVIOUS_RELEASE', `model ${record.model}: ${which}; there is nothing to roll back to`);
  }
  if (previous.runId === runId && change === 'committed') {
    throw conflict(record, runId, `run ${current.runId} has replaced its release`);
  }
  // Somebody else has taken this run's release out of service: that is what was wanted.
  if (previous.runId === runId) return record;
  const back = { ...previous, origin: originOf(previous) };
  const next = nextRelease({ ...record, runId }, back, now, { reason: 'operator', ...terms });
  return { ...next, change: 'rolled-back' };
}

/** Takes the announcement back. Where the candidate is not (or no longer) this run's, there is nothing left to undo. */
export function withdraw(record: Deployment, runId: string): Deployment {
  if (record.candidate?.runId !== runId) return record;
  return { ...record, candidate: null, runId, change: 'withdrawn' };
}

const EMPTY = { current: null, previous: null, candidate: null, retained: [], ledger: [], releaseMax: 0 };

const announced = (record: Omit<Deployment, 'runId' | 'change'>, pair: Candidate, runId: string): Deployment => ({
  ...record,
  candidate: { ...pair, runId },
  runId,
  change: 'announced',
});

type NewRelease = Pick<Terms, 'reason'> & Partial<Terms>;

/** `record.runId` is the run that brings the new release. */
function nextRelease(record: Deployment, pair: Candidate, now: Date, terms: NewRelease): Deployment {
  const { model, gallery, golden, runId, origin } = pair;
  const release = record.releaseMax + 1;
  const committedAt = now.toISOString();
  const current = { model, gallery, golden, runId, release, committedAt, ...(origin ? { origin } : {}) };
  const previous = record.current;
  const earlier = record.previous ? [record.previous, ...record.retained] : record.retained;
  const entry: LedgerEntry = {
    ...{ release, startedAt: committedAt, reason: terms.reason, why: terms.why?.slice(0, WHY_LENGTH_MAX) ?? null },
    ...{ runId: record.runId, origin: originOf(current) },
    ...{ modelDigest: model.digest, galleryDigest: gallery.digest },
  };
  return {
    ...record,
    ...{ current, previous, releaseMax: release },
    retained: retain(earlier, [current, previous], terms.retainedMax ?? RETAINED_RELEASES),
    ledger: [...record.ledger, entry].slice(-LEDGER_MAX),
  };
}

/** In service already, and not announced anew since. */
const isCommitted = ({ current, candidate }: Deployment, runId: string) => current?.runId === runId && !candidate;

const conflict = ({ model }: Deployment, runId: string, why: string) =>
  new PipelineError('DEPLOYMENT_CONFLICT', `model ${model}, run ${runId}: ${why}`);
