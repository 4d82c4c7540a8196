/**
 * Tells which pairs can serve again: the one in service, the previous one (resident), and the retained ones, which have to be
 * loaded anew. Pure; records.ts keeps the list, the orchestrator asks which pair a rollback leads to.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { Announced, Deployment, LedgerEntry, Release, ModelPair, Origin } from '../../contracts/release.ts';

/** The pair that an operator's rollback leads to. */
export type Target =
  /** To the previous pair, which every replica holds: milliseconds. */
  | { readonly kind: 'previous' }
  /** To a pair that replicas must load first. */
  | { readonly kind: 'retained'; readonly pair: Announced }
  /** Nowhere: that pair serves. */
  | { readonly kind: 'current'; readonly release: number };

/** The origin of a release's pair: that release itself, unless the pair had served before. */
export const originOf = ({ origin, release, runId }: Release): Origin => origin ?? { release, runId };

/** `earlier`, newest first, without the pairs of `resident`, each pair once. */
export function retain(earlier: readonly Release[], resident: readonly (Release | null)[], max: number): Release[] {
  const kept: Release[] = [];
  for (const release of earlier) {
    const isKnown = [...resident, ...kept].some((other) => other !== null && isSamePair(other, release));
    if (!isKnown) kept.push(release);
  }
  return kept.slice(0, max);
}

/**
 * The pair that a rollback to `release` leads to; without a number, to the previous release. Throws
 * NO_PREVIOUS_RELEASE, or RELEASE_NOT_RETAINED with the releases that there are.
 */
export function targetOf(record: Deployment | null, model: string, release?: number): Target {
  const { current, previous, retained } = record ?? { current: null, previous: null, retained: [] };
  if (release === undefined) {
    if (previous) return { kind: 'previous' };
    const which = current ? `release ${current.release} is its first` : 'it serves none';
    throw new PipelineError('NO_PREVIOUS_RELEASE', `model ${model}: ${which}; there is nothing to roll back to`);
  }
  const isMeant = (other: Release | null) => other !== null && record !== null && isPairOf(record, release, other);
  if (isMeant(previous)) return { kind: 'previous' };
  const found = retained.find(isMeant);
  if (found) return { kind: 'retained', pair: announcedOf(found) };
  if (current && isMeant(current)) return { kind: 'current', release: current.release };
  const others = previous ? [previous, ...retained] : retained;
  const known = others.map((other) => originOf(other).release).join(', ') || 'none';
  throw new PipelineError(
    'RELEASE_NOT_RETAINED',
    `model ${model}: the pair of release ${release} is not retained; those of these releases can serve again: ${known}`,
  );
}

/** Releases of the ledger whose pair can be rolled back to. */
export function canReturn({ current, previous, retained }: Deployment, pair: PairDigests): boolean {
  const isIt = (release: Release | null) => release !== null && hasDigests(release, pair);
  return !isIt(current) && (isIt(previous) || retained.some(isIt));
}

/** What makes two pairs one: the same model with another detector of faces answers otherwise. */
type PairDigests = Pick<LedgerEntry, 'modelDigest' | 'galleryDigest' | 'facesDigest'>;

/** Every release that a pair served has a line of its own in the ledger; any of them names it. */
function isPairOf({ ledger }: Deployment, release: number, other: Release): boolean {
  if (other.release === release || originOf(other).release === release) return true;
  const entry = ledger.find((line) => line.release === release);
  return entry !== undefined && hasDigests(other, entry);
}

const announcedOf = (release: Release): Announced => ({ ...pairOf(release), origin: originOf(release) });

/** The pair alone, with the papers that prove it. */
export function pairOf({ model, gallery, golden, runId, ...more }: ModelPair): ModelPair {
  const { faces, judged, dataset, statement, approvals, blessed } = more;
  return {
    ...{ model, gallery, golden, runId },
    ...(faces ? { faces } : {}),
    ...(judged ? { judged } : {}),
    ...(dataset ? { dataset } : {}),
    ...(statement ? { statement } : {}),
    ...(approvals ? { approvals } : {}),
    ...(blessed ? { blessed } : {}),
  };
}

export const digestsOf = ({ model, gallery, faces }: ModelPair): PairDigests => ({
  ...{ modelDigest: model.digest, galleryDigest: gallery.digest },
  ...(faces ? { facesDigest: faces.digest } : {}),
});

const hasDigests = ({ model, gallery, faces }: ModelPair, { modelDigest, galleryDigest, facesDigest }: PairDigests) =>
  model.digest === modelDigest && gallery.digest === galleryDigest && faces?.digest === facesDigest;
const isSamePair = (a: ModelPair, b: ModelPair) => hasDigests(a, digestsOf(b));
