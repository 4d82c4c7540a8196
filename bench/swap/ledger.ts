/**
 * Every request of the load with what became of it, and the judgement on it. Written by client.process.ts, which knows
 * nothing of swaps; judged afterwards against what was committed when. All moments are those of bench/support/clock.ts.
 */

export const OUTCOMES = { answered: 0, failed: 1, lost: 2 } as const;

/** One entry per request in each column, in the order in which they were due. */
export interface Ledger {
  readonly dueMs: Float64Array;
  readonly sentMs: Float64Array;
  /** When the answer came, or the error, or when the client gave up. */
  readonly endedMs: Float64Array;
  readonly outcome: Uint8Array;
  /** As the reply names it. */
  readonly release: Int32Array;
  /** Index of the model that the reply names and whose embedding it carries; -1 where it carries another. */
  readonly model: Int16Array;
  /** Text of an error -> how often it came. */
  readonly errors: ReadonlyMap<string, number>;
}

export function createLedger(requestsMax: number): Ledger & { readonly errors: Map<string, number> } {
  return {
    dueMs: new Float64Array(requestsMax),
    sentMs: new Float64Array(requestsMax),
    endedMs: new Float64Array(requestsMax),
    outcome: new Uint8Array(requestsMax),
    release: new Int32Array(requestsMax),
    model: new Int16Array(requestsMax).fill(-1),
    errors: new Map(),
  };
}

/** The first `requests` entries. */
export function firstOf(ledger: Ledger, requests: number): Ledger {
  return {
    dueMs: ledger.dueMs.slice(0, requests),
    sentMs: ledger.sentMs.slice(0, requests),
    endedMs: ledger.endedMs.slice(0, requests),
    outcome: ledger.outcome.slice(0, requests),
    release: ledger.release.slice(0, requests),
    model: ledger.model.slice(0, requests),
    errors: ledger.errors,
  };
}

/** A release that served: from `completedMs` on every reply must carry it or a later one. */
export interface ServedRelease {
  readonly release: number;
  /** Index of its model, as in the ledger. */
  readonly model: number;
  readonly completedMs: number;
}

export interface Judgement {
  readonly requests: number;
  /** Answered by an error. */
  readonly failed: number;
  /** Never answered. */
  readonly lost: number;
  /** Answered by a release older than one that was complete when they were sent, or not by the model of the release named. */
  readonly misrouted: number;
}

/** `releases` in their order. */
export function judge(ledger: Ledger, releases: readonly ServedRelease[]): Judgement {
  const modelOf = new Map(releases.map(({ release, model }) => [release, model]));
  const judgement = { requests: ledger.outcome.length, failed: 0, lost: 0, misrouted: 0 };
  let complete = 0;
  for (const request of inOrderOf(ledger.sentMs)) {
    while (complete < releases.length && releases[complete]!.completedMs <= ledger.sentMs[request]!) complete++;
    const newest = releases[complete - 1]?.release ?? 0;
    const outcome = ledger.outcome[request];
    if (outcome === OUTCOMES.failed) judgement.failed++;
    else if (outcome === OUTCOMES.lost) judgement.lost++;
    else if (ledger.release[request]! < newest || ledger.model[request] !== modelOf.get(ledger.release[request]!))
      judgement.misrouted++;
  }
  return judgement;
}

const inOrderOf = (sentMs: Float64Array) => Uint32Array.from(sentMs.keys()).sort((a, b) => sentMs[a]! - sentMs[b]!);
