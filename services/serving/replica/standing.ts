/**
 * Tells whether this replica is sure of its release: its heartbeat is alive, so that a deployment waits for it, and it has
 * read the deployment record since. A replica that was cut off or frozen has neither when it wakes up: its release may
 * have been replaced meanwhile. What it may answer then is decided in consistency.ts. Knows no NATS.
 */

export class Standing {
  /** The heartbeat is known to be stored until then, performance.now(). */
  #aliveUntilMs = 0;
  #isInformed = false;
  #isConfirmed = false;
  #term = 0;
  /** The last moment at which it is certain that the release served here was the one in service. */
  #sureAtMs = -Infinity;
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** False from the moment at which others may have stopped to wait for this replica. */
  get isGood(): boolean {
    return this.#isConfirmed && this.isAlive;
  }

  /** Deployments wait for this replica. */
  get isAlive(): boolean {
    return this.#now() < this.#aliveUntilMs;
  }

  /** How old its knowledge of the release in service is, at most. */
  get ageMs(): number {
    return this.isGood ? 0 : Math.max(0, this.#now() - this.#sureAtMs);
  }

  /** Counts the times at which the heartbeat began to be alive. */
  get term(): number {
    return this.#term;
  }

  get isInformed(): boolean {
    return this.#isInformed;
  }

  /** It knows that it came back to a record that names another release than it serves. */
  get isBehind(): boolean {
    return this.#isInformed && !this.#isConfirmed;
  }

  /**
   * A heartbeat was stored that was sent at `sentAtMs` and lasts until `aliveUntilMs`. If the one before had lapsed, a new
   * term begins.
   */
  renew(aliveUntilMs: number, sentAtMs = this.#now()): void {
    if (!this.isAlive) {
      this.#term += 1;
      this.#isInformed = false;
      this.#isConfirmed = false;
    }
    this.#aliveUntilMs = aliveUntilMs;
    if (this.#isConfirmed) this.#sureAtMs = sentAtMs;
  }

  /** The record was read, beginning in that term: no deployment has gone by without waiting for this replica. */
  inform(term: number): void {
    if (term === this.#term) this.#isInformed = true;
  }

  /** The release in the record is served. Heeded once the record was read in this term. */
  confirm(): void {
    if (!this.#isInformed) return;
    this.#isConfirmed = true;
    if (this.isAlive) this.#sureAtMs = this.#now();
  }
}
