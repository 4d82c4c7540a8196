/**
 * Transitions of the deployment record, the desired state on which replicas converge. Pure and idempotent: a step that
 * the same run has already taken gives back the record as it is. The orchestrator stores the result by compare-and-put.
 */
import { PipelineError } from '../../contracts/errors.ts';
import { RETAINED_RELEASES } from '../../contracts/configuration/deployment.ts';
import type { Announced, Deployment, LedgerEntry } from '../../contracts/release.ts';
import { digestsOf, originOf, pairOf, retain } from './retained.ts';

/** The ledger's line on a new release, and how much is retained beside it. */
export interface Terms {
  readonly reason: LedgerEntry['reason'];
  readonly why: string | null;
  /** The person or role that answers for it. */
  readonly by: string | null;
  readonly retainedMax: number;
}

/** Three months of nights. The whole record is read by every replica at each change, so it stays small. */
export const LEDGER_MAX = 100;
/** A sentence or two. */
const WHY_LENGTH_MAX = 500;

/** Replicas are asked to load `pair`; nothing changes for clients. `record` is null before the first announcement. */
export function announce(record: Deployment | null, pair: Announced, runId: string, model: string): Deployment {
  if (!record) return withAnnounced({ model, ...EMPTY }, pair, runId);
  const { announced } = record;
  if (announced && announced.runId !== runId) {
    throw conflict(record, runId, `run ${announced.runId} has announced a candidate; end or resume that run`);
  }
  const known = announced?.model.digest === pair.model.digest || isCommitted(record, runId);
  return known ? record : withAnnounced(record, pair, runId);
}

/** The prepared candidate answers a share of the requests. */
export function startCanary(record: Deployment, runId: string, canary: Announced['canary']): Deployment {
  const { announced } = record;
  if (isCommitted(record, runId) || (announced?.runId === runId && announced.canary)) return record;
  if (announced?.runId !== runId) throw conflict(record, runId, 'its candidate is gone; announce it again');
  return { ...record, announced: { ...announced, canary }, runId, change: 'canary-started' };
}

/** The candidate becomes the release in service, and the release in service the previous one. */
export function commit(record: Deployment, runId: string, now: Date, terms: Partial<Terms> = {}): Deployment {
  if (isCommitted(record, runId)) return record;
  const { announced } = record;
  if (announced?.runId !== runId) {
    const holder = announced ? `the candidate is that of run ${announced.runId}` : 'there is no candidate';
    throw conflict(record, runId, `${holder}; announce it again`);
  }
  const reason = announced.origin ? 'operator' : 'deployed';
  const next = nextRelease({ ...record, runId }, announced, now, { reason, ...terms });
  return { ...next, announced: null, change: 'committed' };
}

/**
 * The previous pair comes back under a new release number, and the pair in service stays resident as the previous one.
 * A candidate that another run is preparing is kept. Throws NO_PREVIOUS_RELEASE, or DEPLOYMENT_CONFLICT if a later run
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
  // Somebody else has taken this run's release out of service, as was wanted.
  if (previous.runId === runId) return record;
  const back = { ...previous, origin: originOf(previous) };
  const next = nextRelease({ ...record, runId }, back, now, { reason: 'operator', ...terms });
  return { ...next, change: 'rolled-back' };
}

/** Takes the announcement back. If the candidate is not (or no longer) this run's, there is nothing left to undo. */
export function withdraw(record: Deployment, runId: string): Deployment {
  if (record.announced?.runId !== runId) return record;
  return { ...record, announced: null, runId, change: 'withdrawn' };
}

const EMPTY = { current: null, previous: null, announced: null, retained: [], ledger: [], releaseMax: 0 };

const withAnnounced = (record: Omit<Deployment, 'runId' | 'change'>, pair: Announced, runId: string): Deployment => ({
  ...record,
  announced: { ...pair, runId },
  runId,
  change: 'announced',
});

type NewRelease = Pick<Terms, 'reason'> & Partial<Terms>;

/** `record.runId` is the run that brings the new release. */
function nextRelease(record: Deployment, pair: Announced, now: Date, terms: NewRelease): Deployment {
  const { origin } = pair;
  const release = record.releaseMax + 1;
  const committedAt = now.toISOString();
  const current = { ...pairOf(pair), release, committedAt, ...(origin ? { origin } : {}) };
  const previous = record.current;
  const earlier = record.previous ? [record.previous, ...record.retained] : record.retained;
  const entry: LedgerEntry = {
    ...{ release, startedAt: committedAt, reason: terms.reason, why: terms.why?.slice(0, WHY_LENGTH_MAX) ?? null },
    ...(terms.by ? { by: terms.by } : {}),
    ...{ runId: record.runId, origin: originOf(current) },
    ...digestsOf(current),
  };
  return {
    ...record,
    ...{ current, previous, releaseMax: release },
    retained: retain(earlier, [current, previous], terms.retainedMax ?? RETAINED_RELEASES),
    ledger: [...record.ledger, entry].slice(-LEDGER_MAX),
  };
}

/** In service already, and not announced anew since. */
const isCommitted = ({ current, announced }: Deployment, runId: string) => current?.runId === runId && !announced;

const conflict = ({ model }: Deployment, runId: string, why: string) =>
  new PipelineError('DEPLOYMENT_CONFLICT', `model ${model}, run ${runId}: ${why}`);
