/** The replicas that have answered a client, by their names: the next one is asked that has shown to be alive. */

/** A replica that has not answered for so long may be gone, and the queue group knows better. */
const REMEMBERED_MS = 5_000;
/** Any of several that serve has had its share of a busy door's requests within that time. A quiet door waits for a retry. */
const ALONE_MS = 60_000;

export class Peers {
  readonly #answeredAtMs = new Map<string, number>();
  #servedUpToMs = -Infinity;

  /** When the latest of all requests that were served was sent. */
  get servedUpToMs(): number {
    return this.#servedUpToMs;
  }

  served(sentAtMs: number): void {
    this.#servedUpToMs = Math.max(this.#servedUpToMs, sentAtMs);
  }

  /** It is alive. */
  answered(replica: string, nowMs: number): void {
    this.#answeredAtMs.delete(replica);
    this.#answeredAtMs.set(replica, nowMs);
  }

  /** Nobody listens there any more. */
  gone(replica: string): void {
    this.#answeredAtMs.delete(replica);
  }

  /** All answers of the last minute came from one and the same: there is no other to ask. */
  isOneAlone(nowMs: number): boolean {
    let heard = 0;
    for (const at of this.#answeredAtMs.values()) if (nowMs - at < ALONE_MS) heard += 1;
    return heard === 1;
  }

  /**
   * One that is none of `tried`: if possible one that has answered somebody since `sinceMs`, when a request was sent that
   * still waits. Null if none is known; any replica is as good then. `random`: 0 to 1.
   */
  another(tried: ReadonlySet<string>, sinceMs: number, nowMs: number, random: number): string | null {
    const known = [...this.#answeredAtMs].filter(([name, at]) => !tried.has(name) && nowMs - at < REMEMBERED_MS);
    const alive = known.filter(([, at]) => at >= sinceMs);
    if (alive.length > 0) return alive[Math.floor(random * alive.length)]![0];
    // The map is in the order of the answers.
    return known.at(-1)?.[0] ?? null;
  }
}
