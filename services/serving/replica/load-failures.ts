/**
 * Notes which models could not be loaded, how often, and when each may be loaded again. Used by converge.ts, which
 * decides how many attempts are enough.
 */
import { pauseOf, type Pauses } from '../../../runtime/retry.ts';

/** A model that must serve is loaded again for ever, every ten seconds at last. */
const LOAD_AGAIN: Pauses = { pauseMs: 250, growth: { factor: 2, pauseMaxMs: 10_000 } };

export class LoadFailures {
  /** Model digest -> its attempts, and when the next one may be made (performance.now()). */
  readonly #failures = new Map<string, { readonly attempts: number; readonly againAtMs: number }>();

  /** Returns the number of attempts that have failed since the last `forget`. */
  note(digest: string): number {
    const attempts = (this.#failures.get(digest)?.attempts ?? 0) + 1;
    this.#failures.set(digest, { attempts, againAtMs: performance.now() + pauseOf(LOAD_AGAIN, attempts) });
    return attempts;
  }

  forget(digest: string): void {
    this.#failures.delete(digest);
  }

  /** How long until the model may be loaded again; not above 0 if it may be now. */
  waitMs(digest: string): number {
    return (this.#failures.get(digest)?.againAtMs ?? 0) - performance.now();
  }
}
