/** The steps of the swap bench, in their order. */

export const FAULTS = ['wrong digest', 'wrong golden samples', 'truncated model'] as const;
export type Fault = (typeof FAULTS)[number];

export type Planned =
  | { readonly kind: 'deploy' }
  /** To the release before, which is resident. */
  | { readonly kind: 'roll-back' }
  /** A load that must be refused. */
  | { readonly kind: 'refuse'; readonly fault: Fault };

/** One load in ten fails, the third one first, so that a short plan has one, too. */
const LOADS_PER_FAULT = 10;
const FIRST_FAULT = 3;

/** `swaps` changes of the release: three in ten are rollbacks, one of them of a rollback; failing loads come on top. */
export function planOf(swaps: number): readonly Planned[] {
  const plan: Planned[] = [];
  let loads = 0;
  let faults = 0;
  for (let swap = 1; swap <= swaps; swap++) {
    const isRollBack = swap % 5 === 0 || (swap > 1 && swap % 10 === 1);
    plan.push({ kind: isRollBack ? 'roll-back' : 'deploy' });
    if (isRollBack) continue;
    loads += 1;
    if (loads % LOADS_PER_FAULT !== FIRST_FAULT) continue;
    loads += 1;
    plan.push({ kind: 'refuse', fault: FAULTS[faults++ % FAULTS.length]! });
  }
  return plan;
}
