/**
 * How a picture looks, in 96 bytes that a re-saved copy has nearly as well: a perceptual hash, and the coarse part of the
 * picture itself. Pure. The hash is the known one of signs of a discrete cosine transform (pHash; C. Zauner, "Implementation
 * and Benchmarking of Perceptual Image Hash Functions", 2010), with 255 frequencies in place of 64 and zero in place of the
 * median. Limits and what they find were measured on photographs of faces: docs/data.md, `npm run bench -- copies`.
 */

/** 255 signs, one bit unused. Each word of 16 bits has coarse and fine frequencies: the coarse ones are alike in all faces. */
export const HASH_BYTES = 32;
/** Coarse frequencies, each a signed byte, in the proportions of the picture; one byte unused. */
const COARSE = 63;
export const LOOK_BYTES = 96;

/**
 * Signs in which copies differ at most. Under one name, because it costs little if two pictures of a person that are nearly
 * the same keep together; under two names less, because both lose the picture. Nearest pictures of two people: 57, and 75 of
 * those whose coarse parts correlate.
 */
export const SIGNS_MAX = 31;
export const SIGNS_MAX_OF_OTHERS = 24;
/** One less the correlation of the coarse parts. Drawn patterns with noise have few differing signs, and 0.04. */
const COARSE_MAX = 0.03;

const SIDE = 32;
const HASH_SIDE = 16;
const COARSE_SIDE = 8;

/** `grey`: a picture of any size, row by row. */
export function lookOf(grey: Uint8Array, width: number, height: number): Uint8Array {
  const frequencies = cosines(averaged(grey, width, height));
  const look = new Uint8Array(LOOK_BYTES);
  const at = (index: number, side: number) => frequencies[Math.floor(index / side) * HASH_SIDE + (index % side)]!;
  // The first is the brightness, which a copy may have otherwise.
  for (let index = 1; index < HASH_SIDE * HASH_SIDE; index++) {
    const [row, column] = [Math.floor(index / HASH_SIDE), index % HASH_SIDE];
    const bit = ((column + 5 * row) % HASH_SIDE) * HASH_SIDE + row;
    if (at(index, HASH_SIDE) > 0) look[bit >> 3]! |= 1 << (bit & 7);
  }
  const coarse = Array.from({ length: COARSE }, (_, index) => at(index + 1, COARSE_SIDE));
  const most = coarse.reduce((max, value) => Math.max(max, Math.abs(value)), 0) || 1;
  new Int8Array(look.buffer, HASH_BYTES, COARSE).set(coarse.map((value) => Math.round((127 * value) / most)));
  return look;
}

/** So many looks lie in one buffer. */
const SHELF = 512;

/** Copies looks side by side, which takes them half the memory of buffers of their own. */
export function createLookShelf(): (look: Uint8Array) => Uint8Array {
  let [shelf, filled] = [new Uint8Array(0), 0];
  return (look) => {
    if (filled === shelf.length) [shelf, filled] = [new Uint8Array(SHELF * LOOK_BYTES), 0];
    const kept = shelf.subarray(filled, (filled += LOOK_BYTES));
    kept.set(look);
    return kept;
  };
}

/** Whether two looks with so many different signs are of one picture, as far as their coarse parts say. */
export function isSameCoarse(a: Int8Array, b: Int8Array): boolean {
  let [product, ofA, ofB] = [0, 0, 0];
  for (let i = 0; i < COARSE; i++) {
    product += a[i]! * b[i]!;
    ofA += a[i]! ** 2;
    ofB += b[i]! ** 2;
  }
  return product >= (1 - COARSE_MAX) * Math.sqrt(ofA * ofB);
}

/** SIDE x SIDE means of equal parts of the picture, those of its edges by their shares. */
function averaged(grey: Uint8Array, width: number, height: number): Float64Array {
  const narrow = new Float64Array(height * SIDE);
  for (const { part, pixel, share } of sharesOf(width))
    for (let y = 0; y < height; y++) narrow[y * SIDE + part]! += share * grey[y * width + pixel]!;
  const small = new Float64Array(SIDE * SIDE);
  for (const { part, pixel, share } of sharesOf(height))
    for (let x = 0; x < SIDE; x++) small[part * SIDE + x]! += share * narrow[pixel * SIDE + x]!;
  return small;
}

/** How much each of so many pixels counts in each of SIDE equal parts. */
function sharesOf(pixels: number): { readonly part: number; readonly pixel: number; readonly share: number }[] {
  return Array.from({ length: SIDE }, (_, part) => {
    const [from, to] = [(part * pixels) / SIDE, ((part + 1) * pixels) / SIDE];
    const first = Math.floor(from);
    const covered = (pixel: number) => Math.min(to, pixel + 1) - Math.max(from, pixel);
    return Array.from({ length: Math.ceil(to) - first }, (_unused, i) => ({
      ...{ part, pixel: first + i },
      share: covered(first + i) / (to - from),
    }));
  }).flat();
}

/** WAVES[k][x]: the k-th cosine. */
const WAVES = Array.from({ length: HASH_SIDE }, (_, k) =>
  Float64Array.from(
    { length: SIDE },
    (_unused, x) => Math.cos((Math.PI * (2 * x + 1) * k) / (2 * SIDE)) * (k === 0 ? Math.SQRT1_2 : 1),
  ),
);

/** The lowest HASH_SIDE x HASH_SIDE frequencies of the cosine transform (DCT-II), up to their scale. */
function cosines(small: Float64Array): Float64Array {
  const across = new Float64Array(SIDE * HASH_SIDE);
  const both = new Float64Array(HASH_SIDE * HASH_SIDE);
  for (const [k, wave] of WAVES.entries())
    for (let y = 0; y < SIDE; y++)
      for (let x = 0; x < SIDE; x++) across[y * HASH_SIDE + k]! += small[y * SIDE + x]! * wave[x]!;
  for (const [l, wave] of WAVES.entries())
    for (let y = 0; y < SIDE; y++)
      for (let k = 0; k < HASH_SIDE; k++) both[l * HASH_SIDE + k]! += across[y * HASH_SIDE + k]! * wave[y]!;
  return both;
}
