/**
 * The places for requests on a replica, shared fairly among the clients that are there: a client may hold at most a
 * multiple of what is still free, so there is always room for one that asks little. After A. K. Choudhury and E. L. Hahne,
 * "Dynamic queue length thresholds for shared-memory packet switches", 1998. Asked by the data plane.
 */

/**
 * With n clients that all want everything, each gets 4/(1 + 4n) of the places, and one such quarter of a share stays free
 * for whoever comes next.
 */
const SHARE_OF_FREE = 4;

/** Places in all, if a client that is alone is to have so many. */
export const placesFor = (aloneMax: number) => Math.ceil(aloneMax * (1 + 1 / SHARE_OF_FREE));

export class Room {
  readonly #places: number;
  readonly #held = new Map<string, number>();
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /** Requests of the client that are under way. */
  heldBy(client: string): number {
    return this.#held.get(client) ?? 0;
  }

  /** Takes a place for the client, or answers false. */
  enter(client: string): boolean {
    const held = this.heldBy(client);
    if (held >= SHARE_OF_FREE * (this.#places - this.#taken)) return false;
    this.#held.set(client, held + 1);
    this.#taken += 1;
    return true;
  }

  leave(client: string): void {
    const held = this.heldBy(client);
    if (held === 1) this.#held.delete(client);
    else this.#held.set(client, held - 1);
    this.#taken -= 1;
  }
}
