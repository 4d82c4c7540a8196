/**
 * Finds looks that are near a given one without comparing all with all: multi-index hashing (M. Norouzi, A. Punjani,
 * D. Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", 2012). Two hashes with at most 31 different bits in 16
 * words of 16 have a word in which at most one differs. 100,000 pictures: 21 MB beside the looks. Used by copies.ts.
 */
import { HASH_BYTES, isSameCoarse, LOOK_BYTES, SIGNS_MAX } from './look.ts';

const HASH_INTS = HASH_BYTES / Int32Array.BYTES_PER_ELEMENT;
const COARSE_BYTES = LOOK_BYTES - HASH_BYTES;
const WORDS = 16;
const WORD_BITS = 16;
const VALUES = 2 ** WORD_BITS;
/**
 * Looks of one search that are looked at, repetitions included. Many pictures that are nearly one, such as a film, would
 * cost the square of their number; each still finds others of its kind among the last ones.
 */
const LOOKED_AT_MAX = 20_000;

/** So few are compared sooner than found. */
const COMPARED_ALL_MAX = 1_000;

export interface LookIndex {
  /** Gives the looks numbers from 0 on. */
  add(look: Uint8Array): number;
  /** All that were added before and look alike, each once; `signs` is how many differ. */
  near(look: Uint8Array, found: (number: number, signs: number) => void): void;
}

export function createLookIndex(capacity: number): LookIndex {
  const isSmall = capacity <= COMPARED_ALL_MAX;
  const hashes = new Int32Array(capacity * HASH_INTS);
  const coarse = new Int8Array(capacity * COARSE_BYTES);
  /** Of each word and value, the last look that has it, and behind each look the one before; numbers from 1, 0 for none. */
  const last = new Int32Array(isSmall ? 0 : WORDS * VALUES);
  const before = new Int32Array(isSmall ? 0 : WORDS * capacity);
  /** The search that met the look last, so that none is compared twice. */
  const metBy = new Int32Array(capacity);
  let [count, searches] = [0, 0];
  return {
    add(look) {
      if (count === capacity) throw new Error(`a look index for ${capacity} is full`);
      const number = count++;
      hashes.set(hashOf(look), number * HASH_INTS);
      coarse.set(coarseOf(look), number * COARSE_BYTES);
      if (isSmall) return number;
      wordsOf(look).forEach((value, word) => {
        before[WORDS * number + word] = last[word * VALUES + value]!;
        last[word * VALUES + value] = number + 1;
      });
      return number;
    },
    near(look, found) {
      searches += 1;
      const [own, ownCoarse] = [hashOf(look), coarseOf(look)];
      let lookedAt = 0;
      const compare = (number: number) => {
        metBy[number] = searches;
        const signs = differing(own, hashes, number * HASH_INTS);
        if (signs > SIGNS_MAX) return;
        const from = number * COARSE_BYTES;
        if (isSameCoarse(ownCoarse, coarse.subarray(from, from + COARSE_BYTES))) found(number, signs);
      };
      if (isSmall) {
        for (let number = 0; number < count; number++) compare(number);
        return;
      }
      wordsOf(look).forEach((value, word) => {
        for (let bit = -1; bit < WORD_BITS; bit++) {
          const near = bit < 0 ? value : value ^ (1 << bit);
          for (let next = last[word * VALUES + near]!; next !== 0; next = before[WORDS * (next - 1) + word]!) {
            if (++lookedAt > LOOKED_AT_MAX) return;
            if (metBy[next - 1] !== searches) compare(next - 1);
          }
        }
      });
    },
  };
}

// A look may lie anywhere in a larger buffer, and only a copy is in order for wider numbers. (`slice` of a Buffer is none.)
const wordsOf = (look: Uint8Array) => new Uint16Array(new Uint8Array(look).buffer, 0, WORDS);
const hashOf = (look: Uint8Array) => new Int32Array(new Uint8Array(look).buffer, 0, HASH_INTS);
const coarseOf = (look: Uint8Array) => new Int8Array(new Uint8Array(look).buffer, HASH_BYTES, COARSE_BYTES);

/** How many bits differ; once it is more than is asked for, some number above that. */
function differing(own: Int32Array, hashes: Int32Array, from: number): number {
  let sum = 0;
  for (let i = 0; i < HASH_INTS && sum <= SIGNS_MAX; i++) {
    let bits = own[i]! ^ hashes[from + i]!;
    bits -= (bits >>> 1) & 0x55555555;
    bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
    sum += Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return sum;
}
