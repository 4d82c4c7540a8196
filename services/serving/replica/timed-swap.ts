/**
 * The assignment by which a replica switches, and how long it took. The rest of a switch happens before or after it.
 * Used by replica.ts.
 */
import type { ReplicaSwitched } from '../../../contracts/messages.ts';
import { AtomicReference, type Swapped } from './atomic-reference.ts';

/** When a swap was made, and how long it took. */
export type SwapMoment = Pick<ReplicaSwitched, 'swapUs' | 'switchedAtMs' | 'monotonicUs'>;
type TimedSwap<T> = Swapped<T> & SwapMoment;

/** `swapUs`: how long no request could have got either value, the microseconds of the assignment alone. */
export function timedSwap<T>(reference: AtomicReference<T>, next: T): TimedSwap<T> {
  const swap = reference.stage(next);
  const startedAt = process.hrtime.bigint();
  const swapped = swap();
  const endedAt = process.hrtime.bigint();
  const switchedAtMs = performance.timeOrigin + performance.now();
  return { ...swapped, swapUs: Number(endedAt - startedAt) / 1000, switchedAtMs, monotonicUs: Number(endedAt) / 1000 };
}

/**
 * Swaps that concern nobody, so that no real one is the one at which V8 compiles. They have leases and drains as in
 * service, because code that was compiled without is thrown away at the first of them and compiled again later.
 */
export const REHEARSALS_FIRST = 5000;
/** V8 also throws code away at the first value of another form than all before it. */
const SHAPES: readonly (object | null)[] = [null, {}, { release: 1 }, { release: 1, canary: 'run' }];
/**
 * Once more before each switch that can be foreseen: what V8 compiled beside us is taken over at the next call, and code
 * that was not called for a while is thrown away. About a fifth of a millisecond.
 */
export const REHEARSALS_BEFORE_A_SWAP = 200;
export function rehearseSwap(count: number): void {
  const reference = new AtomicReference<object | null>(null);
  for (let i = 0; i < count; i++) {
    const lease = reference.acquire();
    if (i % 2 === 0) lease.release();
    timedSwap(reference, SHAPES[i % SHAPES.length] ?? null);
    lease.release();
  }
}
