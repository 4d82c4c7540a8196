/** Seeded randomness for demo data: the same seed gives the same people on every machine. Not for anything else. */

export interface Random {
  /** Evenly spread in [from, to). */
  between(from: number, to: number): number;
  /** Roughly normal, mean 0, standard deviation 1, never beyond 3.5. */
  normal(): number;
  pick<T>(choices: readonly [T, ...T[]]): T;
  chance(share: number): boolean;
}

/** mulberry32 by Tommy Ettinger, public domain: 32 bits of state, good enough to draw faces with. */
export function createRandom(...seeds: readonly number[]): Random {
  let state = seeds.reduce((mixed, seed) => Math.imul(mixed ^ seed, 0x9e3779b1) ^ (mixed >>> 15), 0x2545f491);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (from: number, to: number) => from + next() * (to - from);
  return {
    between,
    // The sum of twelve even numbers, less its mean: variance 1, and bounded.
    normal: () =>
      Math.max(
        -3.5,
        Math.min(
          3.5,
          Array.from({ length: 12 }, next).reduce((sum, n) => sum + n, -6),
        ),
      ),
    // next() is below 1, so the index is always in range; the first only quiets the type.
    pick: (choices) => choices[Math.floor(next() * choices.length)] ?? choices[0],
    chance: (share) => next() < share,
  };
}
