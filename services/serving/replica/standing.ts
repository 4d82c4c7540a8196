/**
 * Tells whether this replica may answer at all: its heartbeat is alive, so that a deployment waits for it, and it has
 * read the deployment record since. A replica that was cut off or frozen has neither when it wakes up: its release may
 * have been replaced meanwhile, so it holds requests until it has caught up. Knows no NATS.
 */

export class Standing {
  /** The heartbeat is known to be stored until then, performance.now(). */
  #aliveUntilMs = 0;
  #isInformed = false;
  #isConfirmed = false;
  #term = 0;
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** False from the moment at which others may have stopped to wait for this replica. */
  get isGood(): boolean {
    return this.#isConfirmed && this.#isAlive;
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

  /** A heartbeat was stored that lasts until `aliveUntilMs`. If the one before had lapsed, a new term begins. */
  renew(aliveUntilMs: number): void {
    if (!this.#isAlive) {
      this.#term += 1;
      this.#isInformed = false;
      this.#isConfirmed = false;
    }
    this.#aliveUntilMs = aliveUntilMs;
  }

  /** The record was read, beginning in that term: no deployment has gone by without waiting for this replica. */
  inform(term: number): void {
    if (term === this.#term) this.#isInformed = true;
  }

  /** The release in the record is served. Heeded once the record was read in this term. */
  confirm(): void {
    if (this.#isInformed) this.#isConfirmed = true;
  }

  get #isAlive(): boolean {
    return this.#now() < this.#aliveUntilMs;
  }
}
