/**
 * Which pairs can serve again: the one in service, the previous one (resident), and the retained ones, which have to be
 * loaded anew. Pure; records.ts keeps the list, the orchestrator asks it where a rollback leads.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { Candidate, Deployment, Epoch, ModelPair, Origin } from '../../contracts/release.ts';

/** Where an operator's rollback leads. */
export type Target =
  /** To the previous pair, which every replica holds: milliseconds. */
  | { readonly kind: 'previous' }
  /** To a pair that replicas must load first. */
  | { readonly kind: 'retained'; readonly candidate: Candidate }
  /** Nowhere: that pair serves. */
  | { readonly kind: 'current'; readonly epoch: number };

/** Where the pair of an epoch comes from: from that epoch itself, unless it had served before. */
export const originOf = ({ origin, epoch, runId }: Epoch): Origin => origin ?? { epoch, runId };

/** `earlier`, newest first, without what `resident` holds, each pair once. */
export function retain(earlier: readonly Epoch[], resident: readonly (Epoch | null)[], max: number): Epoch[] {
  const kept: Epoch[] = [];
  for (const epoch of earlier) {
    const isKnown = [...resident, ...kept].some((other) => other !== null && isSamePair(other, epoch));
    if (!isKnown) kept.push(epoch);
  }
  return kept.slice(0, max);
}

/**
 * Where going back to `epoch` leads; without a number, to the previous epoch. Throws NO_PREVIOUS_EPOCH, or
 * EPOCH_NOT_RETAINED with the epochs that there are.
 */
export function targetOf(record: Deployment | null, model: string, epoch?: number): Target {
  const { current, previous, retained } = record ?? { current: null, previous: null, retained: [] };
  if (epoch === undefined) {
    if (previous) return { kind: 'previous' };
    const which = current ? `epoch ${current.epoch} is its first` : 'it serves none';
    throw new PipelineError('NO_PREVIOUS_EPOCH', `model ${model}: ${which}; there is nothing to roll back to`);
  }
  const isMeant = (other: Epoch | null) => other !== null && record !== null && isPairOf(record, epoch, other);
  if (isMeant(previous)) return { kind: 'previous' };
  const found = retained.find(isMeant);
  if (found) return { kind: 'retained', candidate: candidateOf(found) };
  if (current && isMeant(current)) return { kind: 'current', epoch: current.epoch };
  const others = previous ? [previous, ...retained] : retained;
  const known = others.map((other) => originOf(other).epoch).join(', ') || 'none';
  throw new PipelineError(
    'EPOCH_NOT_RETAINED',
    `model ${model}: the pair of epoch ${epoch} is not retained; those of these epochs can serve again: ${known}`,
  );
}

/** Epochs of the ledger whose pair can be rolled back to. */
export function canReturn({ current, previous, retained }: Deployment, pair: PairDigests): boolean {
  const isIt = (epoch: Epoch | null) => epoch !== null && hasDigests(epoch, pair);
  return !isIt(current) && (isIt(previous) || retained.some(isIt));
}

type PairDigests = Readonly<Record<'modelDigest' | 'galleryDigest', string>>;

/** Every epoch that a pair served has a line of its own in the ledger; any of them names it. */
function isPairOf({ ledger }: Deployment, epoch: number, other: Epoch): boolean {
  if (other.epoch === epoch || originOf(other).epoch === epoch) return true;
  const entry = ledger.find((line) => line.epoch === epoch);
  return entry !== undefined && hasDigests(other, entry);
}

const candidateOf = (epoch: Epoch): Candidate => {
  const { model, gallery, golden, runId } = epoch;
  return { model, gallery, golden, runId, origin: originOf(epoch) };
};
const hasDigests = ({ model, gallery }: ModelPair, { modelDigest, galleryDigest }: PairDigests) =>
  model.digest === modelDigest && gallery.digest === galleryDigest;
const isSamePair = (a: ModelPair, b: ModelPair) =>
  hasDigests(a, { modelDigest: b.model.digest, galleryDigest: b.gallery.digest });
