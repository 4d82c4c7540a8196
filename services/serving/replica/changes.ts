/**
 * The one signal by which the parts of a replica hear of each other. The replica emits it; convergence, service,
 * heartbeat, presence and the requests that wait listen to the changes that concern them. A listener is called before
 * `emit` returns; it must not throw.
 */

export type Change =
  /** The deployment record was read; what it asks for may be the same as before. */
  | 'desired'
  /** Another release is in service, or the same one on another host. */
  | 'served'
  /** The release in service cannot be loaded here. */
  | 'failed'
  /** The process of a resident is gone and could not be replaced. */
  | 'lost'
  /** The status says something else of residents, canary, candidate or being out of service. */
  | 'status'
  /** A heartbeat was stored. */
  | 'stored'
  /** The record was read since the heartbeat is alive. */
  | 'informed'
  /** A change of the gallery is in force in one of the residents. */
  | 'enrolled';

interface Subscription {
  readonly changes: readonly Change[];
  readonly listener: (change: Change) => void;
}

export class Changes {
  readonly #subscriptions = new Set<Subscription>();

  /** The answer ends the subscription. */
  subscribe(changes: readonly Change[], listener: (change: Change) => void): () => void {
    const subscription = { changes, listener };
    this.#subscriptions.add(subscription);
    return () => void this.#subscriptions.delete(subscription);
  }

  /** Calls the listeners in the order of their subscriptions. A listener may emit, subscribe and unsubscribe. */
  emit(change: Change): void {
    for (const subscription of [...this.#subscriptions]) {
      if (subscription.changes.includes(change) && this.#subscriptions.has(subscription)) subscription.listener(change);
    }
  }

  /** Waits for the next of these changes. False if `deadlineMs` (performance.now()) comes first. */
  next(changes: readonly Change[], deadlineMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (hasChanged: boolean) => {
        clearTimeout(timer);
        unsubscribe();
        resolve(hasChanged);
      };
      const unsubscribe = this.subscribe(changes, () => finish(true));
      const timer = setTimeout(() => finish(false), Math.max(0, deadlineMs - performance.now()));
    });
  }
}
