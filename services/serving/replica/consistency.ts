/**
 * Whether an answer may leave a replica, and whether it is marked stale: one pure decision over what the replica knows at
 * that moment. docs/deployment.md has the promises that follow from it. Called by answer.ts, once the answer is there.
 */

/**
 * `available`: a replica that is cut off from the store goes on with its release and says so in each reply. `strict`: it
 * holds its requests, because the release may have been replaced.
 */
export const CONSISTENCIES = ['available', 'strict'] as const;
export type Consistency = (typeof CONSISTENCIES)[number];

export interface Knowledge {
  readonly consistency: Consistency;
  /** The request demands a release by `Nightshift-Min-Release`. */
  readonly isFenced: boolean;
  /** As in standing.ts. */
  readonly isGood: boolean;
  /** It was good when the request began and has never been lost since: no deployment went by that did not wait for it. */
  readonly wasGood: boolean;
  /** The release of the answer. */
  readonly answered: number;
  /** That of the last record that was read here; null if it names none. */
  readonly wanted: number | null;
  /** Of a look at the record that began when the answer was there already. */
  readonly look: Look;
}

/** `unanswered`: the store could not be asked, or did not say anything in time. */
export type Look = 'none' | 'reached' | 'unanswered';

/** `look`: decide again after a look at the record. `hold`: not this answer; the request waits for a better one. */
export type Verdict = 'fresh' | 'stale' | 'look' | 'hold';

export function verdictOf({ consistency, isFenced, isGood, wasGood, answered, wanted, look }: Knowledge): Verdict {
  const isNewest = answered === wanted;
  // Whoever was here all along is waited for by a deployment, also while it still answers by the former release.
  if (isGood) return wasGood || isNewest ? 'fresh' : 'hold';
  if (consistency === 'strict' || isFenced || !isNewest) return 'hold';
  return look === 'none' ? 'look' : 'stale';
}
