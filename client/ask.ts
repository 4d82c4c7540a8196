/**
 * One request of a client from its first send to its answer: a second replica is asked after the p99, another one when a
 * replica refuses or is silent, never more than three, and all within the deadline. docs/client.md has the same rule in
 * words. Called by client.ts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { PipelineError } from '../contracts/errors.ts';
import type { Budget, Latencies } from './latency.ts';
import type { Peers } from './peers.ts';
import { isNobodyThere, type WireAnswer } from './wire.ts';

export interface AskContext {
  readonly latencies: Latencies;
  readonly budget: Budget;
  readonly peers: Peers;
  readonly counts: { requests: number; hedged: number; retried: number };
  /** Sends once, to that replica, or to any. Never rejects. */
  readonly send: (replica: string | null, timeoutMs: number) => Promise<WireAnswer>;
  /** Null if the answer is as it should be, else why it is not. */
  readonly check: (answer: WireAnswer) => PipelineError | null;
}

export interface AskLimits {
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The first one, a hedge, and a retry. */
const SENDS_MAX = 3;
/** A replica that is silent for so many times the p99, and for so long, is given up. */
const SILENT_P99S = 4;
const SILENT_MS_MIN = 250;
/** A server that restarts, or replicas that all start anew: nobody has the request, so it may be sent again and again. */
const NOBODY_PAUSE_MS = 100;
/** A hedge that comes at once would double the work of healthy replicas. */
const HEDGE_MS_MIN = 5;

/** The checked answer. Throws the last refusal, NATS_UNAVAILABLE, or the reason of the signal. */
export async function ask(context: AskContext, { deadlineMs, signal }: AskLimits): Promise<WireAnswer> {
  signal?.throwIfAborted();
  const over = new AbortController();
  const end = () => over.abort(signal?.reason);
  signal?.addEventListener('abort', end, { once: true });
  try {
    return await new Attempts(context, deadlineMs).answer(over.signal);
  } finally {
    signal?.removeEventListener('abort', end);
    over.abort();
  }
}

type Outcome = { readonly answer: WireAnswer; readonly to: string | null };

class Attempts {
  readonly #context: AskContext;
  readonly #startedAtMs = performance.now();
  readonly #deadlineAtMs: number;
  readonly #open = new Set<Promise<Outcome>>();
  readonly #tried = new Set<string>();
  #sends = 0;
  /** When the next one is sent, if nothing is heard until then. */
  #nextAtMs = Infinity;
  #isNextHedge = false;
  #last: PipelineError | null = null;

  constructor(context: AskContext, deadlineMs: number) {
    this.#context = context;
    this.#deadlineAtMs = this.#startedAtMs + deadlineMs;
    context.counts.requests += 1;
    context.budget.earn();
  }

  async answer(signal: AbortSignal): Promise<WireAnswer> {
    this.#send(null);
    this.#planHedge();
    while (true) {
      const outcome = await this.#next(signal);
      signal.throwIfAborted();
      if (outcome === null) this.#timeHasCome();
      else if (this.#isGood(outcome)) return outcome.answer;
    }
  }

  /** An outcome, or null when the time of the plan or the deadline has come. */
  async #next(signal: AbortSignal): Promise<Outcome | null> {
    const waitMs = Math.max(0, Math.min(this.#nextAtMs, this.#deadlineAtMs) - performance.now());
    const heard = new AbortController();
    const aborted = () => heard.abort();
    signal.addEventListener('abort', aborted, { once: true });
    // Ended early by an abort, which the caller looks for.
    const timer = delay(waitMs, null, { signal: heard.signal }).catch(() => null);
    try {
      return await Promise.race([...this.#open, timer]);
    } finally {
      signal.removeEventListener('abort', aborted);
      heard.abort();
    }
  }

  #timeHasCome(): void {
    const now = performance.now();
    if (now >= this.#deadlineAtMs) throw this.#last ?? silent(now - this.#startedAtMs);
    if (now < this.#nextAtMs) return;
    const { counts, peers } = this.#context;
    if (this.#isNextHedge) counts.hedged += 1;
    else counts.retried += 1;
    this.#send(peers.another(this.#tried, this.#startedAtMs, now, Math.random()));
    this.#planRetry(this.#silentMs());
  }

  #planHedge(): void {
    const { latencies, budget } = this.#context;
    const hedgeMs = Math.max(HEDGE_MS_MIN, latencies.p99Ms);
    if (hedgeMs < this.#silentMs() && budget.spend()) {
      this.#nextAtMs = this.#startedAtMs + hedgeMs;
      this.#isNextHedge = true;
    } else this.#planRetry(this.#silentMs());
  }

  #planRetry(waitMs: number): void {
    this.#isNextHedge = false;
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
      if (answer.status === 200) this.#context.latencies.note(now - sentAtMs);
      return { answer, to };
    });
    this.#open.add(sending);
  }

  /** Throws what no other replica would mend. */
  #isGood({ answer, to }: Outcome): boolean {
    const error = answer.error ?? this.#context.check(answer);
    if (error === null) return true;
    if (!error.retryable) throw error;
    this.#last = error;
    if (answer.replica !== null) this.#tried.add(answer.replica);
    if (isNobodyThere(error)) this.#nobodyThere(to);
    else if (answer.status !== 0) this.#planRetry(error.retryAfterMs ?? 0);
    if (this.#open.size === 0 && this.#nextAtMs === Infinity) throw error;
    return false;
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
