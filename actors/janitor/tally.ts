/** Counts what the janitor looks at, changes, removes and leaves, by place and kind; and tells how far it is. */
import type { ForgetRow } from '../../contracts/forgetting.ts';

export type Counted = 'looked' | 'changed' | 'removed' | 'left';

export interface Tally {
  add(place: string, what: string, counted: Counted, count?: number): void;
  /** One sentence for people. The same sentence counts once. */
  remark(sentence: string): void;
  readonly rows: readonly ForgetRow[];
  readonly remarks: readonly string[];
}

/** Messages about progress: one for so many things. */
const TOLD_EACH = 500;

export function createTally(progress: (place: string, looked: number) => void): Tally {
  const rows = new Map<string, { -readonly [K in keyof ForgetRow]: ForgetRow[K] }>();
  const remarks = new Set<string>();
  return {
    add: (place, what, counted, count = 1) => {
      const key = `${place}\n${what}`;
      const row = rows.get(key) ?? { place, what, looked: 0, changed: 0, removed: 0, left: 0 };
      const isNew = !rows.has(key);
      rows.set(key, row);
      row[counted] += count;
      if (isNew || (counted === 'looked' && row.looked % TOLD_EACH === 0)) progress(`${place} ${what}`, row.looked);
    },
    remark: (sentence) => void remarks.add(sentence),
    get rows() {
      return [...rows.values()];
    },
    get remarks() {
      return [...remarks];
    },
  };
}
