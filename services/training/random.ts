/**
 * Seeded random numbers, the same on every machine, so that one seed gives one model. Not for secrets.
 * Generator: mulberry32 (Tommy Ettinger, public domain), seeded through a 32-bit mix of all parts of the seed.
 */

/** Uniform in [0, 1). */
export type Random = () => number;

/** Streams with different parts are unrelated: `createRandom(seed, epoch)` restarts anywhere without replaying. */
export function createRandom(...parts: readonly number[]): Random {
  let state = parts.reduce((hash, part) => mix(hash ^ mix(part | 0)), 0x9e3779b9);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    return mix32(state) / 2 ** 32;
  };
}

/** Standard normal, by Box and Muller. */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** 0 .. count - 1 in random order (Fisher and Yates). */
export function permutation(count: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

function mix32(state: number): number {
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return (t ^ (t >>> 14)) >>> 0;
}

/** The finaliser of MurmurHash3. */
function mix(value: number): number {
  let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
