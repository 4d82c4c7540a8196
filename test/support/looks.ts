/** Looks of invented pictures: as different as pictures are, and copies of them that differ by so many signs. */
import { createHash } from 'node:crypto';
import { HASH_BYTES, LOOK_BYTES } from '../../services/data/look.ts';

/** Another one for each key. */
export function lookOfKey(key: string | number): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: LOOK_BYTES }).update(`${key}`).digest());
}

/** The same picture saved anew: its coarse part is the same, and so many signs are not, spread over the hash. */
export function copyOf(look: Uint8Array, signs: number): Uint8Array {
  const copy = new Uint8Array(look);
  const bits = HASH_BYTES * 8;
  for (let at = 0; at < signs; at++) {
    const bit = Math.floor((at * bits) / signs);
    copy[bit >> 3]! ^= 1 << (bit & 7);
  }
  return copy;
}
