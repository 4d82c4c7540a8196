/**
 * One request of a client from its first send to its answer: a second replica is asked after the p99, another one when a
 * replica refuses or is silent, never more than three, and all within the deadline. docs/client.md has the same rule in
 * words. Called by client.ts.
 */
import { PipelineError } from '../contracts/errors.ts';
import type { Budget, Latencies } from './latency.ts';
import type { Peers } from './peers.ts';
import { isNobodyThere, type WireAnswer } from './wire.ts';

export interface AskContext<T> {
  readonly latencies: Latencies;
  readonly budget: Budget;
  readonly peers: Peers;
  readonly counts: { requests: number; hedged: number; retried: number };
  /** Sends once, to that replica, or to any. Never rejects. */
  readonly send: (replica: string | null, timeoutMs: number) => Promise<WireAnswer>;
  /** The reply if the answer is as it should be, else why it is not. */
  readonly check: (answer: WireAnswer) => Checked<T>;
}

export type Checked<T> =
  { readonly reply: T; readonly error: null } | { readonly reply: null; readonly error: PipelineError };

export interface AskLimits {
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The first one, a hedge, and a retry. */
const SENDS_MAX = 3;
/** A replica that is silent for so many times the p99, and for so long, is given up. */
const SILENT_P99S = 4;
const SILENT_MS_MIN = 250;
/** Of that time. */
const LEFT_BEHIND_SHARE = 0.5;
/** A server that restarts, or replicas that all start anew: nobody has the request, so it may be sent again and again. */
const NOBODY_PAUSE_MS = 100;
/** A hedge that comes at once would double the work of healthy replicas. */
const HEDGE_MS_MIN = 5;

/** The checked reply. Throws the last refusal, NATS_UNAVAILABLE, or the reason of the signal. */
export async function ask<T>(context: AskContext<T>, { deadlineMs, signal }: AskLimits): Promise<T> {
  signal?.throwIfAborted();
  return new Attempts(context, deadlineMs).answer(signal);
}

type Outcome = { readonly answer: WireAnswer; readonly to: string | null };

class Attempts<T> {
  readonly #context: AskContext<T>;
  readonly #startedAtMs = performance.now();
  readonly #deadlineAtMs: number;
  readonly #open = new Set<Promise<Outcome>>();
  readonly #tried = new Set<string>();
  #sends = 0;
  /** When the next one is sent, if nothing is heard until then. */
  #nextAtMs = Infinity;
  #isNextHedge = false;
  /** The next one is sent because nothing was heard, and not because a replica has refused. */
  #isNextSilence = false;
  #last: PipelineError | null = null;

  constructor(context: AskContext<T>, deadlineMs: number) {
    this.#context = context;
    this.#deadlineAtMs = this.#startedAtMs + deadlineMs;
    context.counts.requests += 1;
    context.budget.earn();
  }

  async answer(signal: AbortSignal | undefined): Promise<T> {
    this.#send(null);
    this.#planHedge();
    while (true) {
      const outcome = await this.#next(signal);
      signal?.throwIfAborted();
      if (outcome === null) this.#timeHasCome();
      else {
        const { reply, error } = this.#checked(outcome.answer);
        if (error === null) return reply;
        this.#refused(outcome, error);
      }
    }
  }

  /** An outcome, or null when the time of the plan or the deadline has come, or the caller wants no answer any more. */
  async #next(signal: AbortSignal | undefined): Promise<Outcome | null> {
    const waitMs = Math.max(0, Math.min(this.#nextAtMs, this.#deadlineAtMs) - performance.now());
    let end = () => {};
    const over = new Promise<null>((resolve) => (end = () => resolve(null)));
    const timer = setTimeout(end, waitMs);
    signal?.addEventListener('abort', end, { once: true });
    try {
      return await Promise.race([...this.#open, over]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    }
  }

  #timeHasCome(): void {
    const now = performance.now();
    if (now >= this.#deadlineAtMs) throw this.#last ?? silent(now - this.#startedAtMs);
    if (now < this.#nextAtMs) return;
    const { counts, peers } = this.#context;
    if (this.#isNextSilence && !this.#isLeftBehind()) return this.#planRetry(this.#silentMs(), true);
    if (this.#isNextHedge) counts.hedged += 1;
    else counts.retried += 1;
    this.#send(peers.another(this.#tried, this.#startedAtMs, now, Math.random()));
    this.#planRetry(this.#silentMs(), true);
  }

  #planHedge(): void {
    const { latencies, budget, peers } = this.#context;
    const hedgeMs = Math.max(HEDGE_MS_MIN, latencies.p99Ms);
    // The only replica has the request already, and would do it twice.
    if (hedgeMs < this.#silentMs() && !peers.isOneAlone(this.#startedAtMs) && budget.spend()) {
      this.#nextAtMs = this.#startedAtMs + hedgeMs;
      this.#isNextHedge = true;
      this.#isNextSilence = false;
    } else this.#planRetry(this.#silentMs(), true);
  }

  /**
   * Whether requests were served that were sent well after this one. If not, all replicas are slow, and a second try of
   * everybody would make them slower still: then it has to come out of the budget.
   */
  #isLeftBehind(): boolean {
    const { peers, budget } = this.#context;
    return peers.servedUpToMs > this.#startedAtMs + LEFT_BEHIND_SHARE * this.#silentMs() || budget.spend();
  }

  #planRetry(waitMs: number, isSilence = false): void {
    this.#isNextHedge = false;
    this.#isNextSilence = isSilence;
    this.#nextAtMs = this.#sends < SENDS_MAX ? performance.now() + waitMs : Infinity;
  }

  /** Never so late that the second one has no time left. */
  #silentMs(): number {
    const wanted = Math.max(SILENT_MS_MIN, SILENT_P99S * this.#context.latencies.p99Ms);
    return Math.min(wanted, (this.#deadlineAtMs - this.#startedAtMs) / SENDS_MAX);
  }

  #send(to: string | null): void {
    const sentAtMs = performance.now();
    this.#sends += 1;
    if (to !== null) this.#tried.add(to);
    const sending = this.#context.send(to, Math.max(1, this.#deadlineAtMs - sentAtMs)).then((answer) => {
      this.#open.delete(sending);
      const now = performance.now();
      if (answer.replica !== null) this.#context.peers.answered(answer.replica, now);
      if (answer.status === 200) {
        this.#context.latencies.note(now - sentAtMs);
        this.#context.peers.served(sentAtMs);
      }
      return { answer, to };
    });
    this.#open.add(sending);
  }

  #checked(answer: WireAnswer): Checked<T> {
    return answer.error ? { reply: null, error: answer.error } : this.#context.check(answer);
  }

  /** Throws what no other replica would mend. */
  #refused({ answer, to }: Outcome, error: PipelineError): void {
    if (!error.retryable) throw error;
    this.#last = error;
    if (answer.replica !== null) this.#tried.add(answer.replica);
    if (isNobodyThere(error)) this.#nobodyThere(to);
    else if (answer.status !== 0) this.#planRetry(error.retryAfterMs ?? 0);
    if (this.#open.size === 0 && this.#nextAtMs === Infinity) throw error;
  }

  /** Nobody has had it: it counts as not sent, and goes to all at once if one was asked by name. */
  #nobodyThere(to: string | null): void {
    this.#sends -= 1;
    if (to !== null) this.#context.peers.gone(to);
    this.#planRetry(to === null ? NOBODY_PAUSE_MS : 0);
  }
}

const silent = (afterMs: number) =>
  new PipelineError('NATS_UNAVAILABLE', `no replica has answered within ${Math.round(afterMs)} ms`, {
    retryable: true,
  });
