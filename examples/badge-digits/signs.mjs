// @ts-check
/**
 * The signs of the badges as strokes of a pen, in a field 60 wide and 100 high: SVG paths, for each sign one for every way
 * in which people write it. Strokes need no font, so the same badges are drawn on every machine. Only draw.mjs uses them.
 */

/** They are enrolled, a class each. @type {Readonly<Record<string, readonly string[]>>} */
export const DIGITS = {
  0: ['M30 6 C62 6 62 94 30 94 C-2 94 -2 6 30 6Z', 'M30 6 C54 6 54 94 30 94 C6 94 6 6 30 6Z'],
  1: ['M12 26 L34 6 V94', 'M12 26 L32 6 V94 M10 94 H54'],
  2: ['M8 28 C8 0 54 0 54 30 C54 52 22 70 6 94 H56', 'M6 22 C16 0 52 4 50 30 C48 56 6 70 8 92 C24 78 36 98 56 86'],
  3: [
    'M8 16 C20 0 54 2 52 26 C50 44 34 48 24 48 C38 48 56 54 54 74 C52 98 18 100 6 82',
    'M8 8 H52 L24 42 C44 38 56 54 54 72 C50 98 18 100 6 82',
  ],
  4: ['M44 94 V6 L6 66 H58', 'M16 6 L8 54 H56 M42 26 V94'],
  5: ['M52 8 H14 L10 46 C22 36 54 38 54 66 C54 98 18 100 6 84', 'M50 8 H12 V44 C40 36 56 50 54 70 C52 96 24 96 8 90'],
  6: [
    'M48 8 C20 14 6 44 8 70 C10 100 54 100 54 68 C54 40 14 40 9 66',
    'M40 6 L12 56 C-2 96 52 106 54 70 C54 44 20 40 10 62',
  ],
  7: ['M6 8 H54 L24 94', 'M6 8 H54 L24 94 M18 50 H50'],
  8: [
    'M30 48 C2 42 6 6 30 6 C54 6 58 42 30 48 C-2 54 0 94 30 94 C60 94 62 54 30 48Z',
    'M50 18 C38 -4 6 4 10 26 C14 46 54 52 52 76 C48 102 8 98 10 74 C12 52 50 44 50 18Z',
  ],
  9: ['M52 32 C48 60 8 58 8 30 C8 0 52 0 52 34 C52 66 40 90 16 94', 'M50 26 C42 52 6 52 8 26 C12 0 50 0 50 26 L46 94'],
};

/** Unknown signs by which the thresholds are set; never enrolled. @type {Readonly<Record<string, readonly string[]>>} */
export const STREET = {
  A: ['M6 94 L30 6 L54 94 M16 62 H44'],
  C: ['M54 20 C36 -6 6 10 6 50 C6 90 36 106 54 80'],
  E: ['M52 8 H10 V92 H52 M10 48 H44'],
  F: ['M52 8 H10 V94 M10 48 H44'],
  H: ['M8 6 V94 M52 6 V94 M8 50 H52'],
  K: ['M10 6 V94 M52 6 L12 52 L54 94'],
  M: ['M6 94 V6 L30 54 L54 6 V94'],
  N: ['M8 94 V6 L52 94 V6'],
  P: ['M10 94 V6 C70 0 66 56 10 52'],
  T: ['M6 8 H54 M30 8 V94'],
  U: ['M8 6 V64 C8 104 52 104 52 64 V6'],
  X: ['M8 6 L52 94 M52 6 L8 94'],
  arrow: ['M30 94 V8 M8 36 L30 8 L52 36'],
  asterisk: ['M30 18 V82 M6 34 L54 66 M54 34 L6 66'],
  bars: ['M14 8 V92 M46 8 V92'],
  cup: ['M6 12 H46 V60 C46 96 6 96 6 60Z M46 24 H58 V52 H46'],
  diamond: ['M30 8 L56 50 L30 92 L4 50Z'],
  equals: ['M8 34 H52 M8 66 H52'],
  flag: ['M10 94 V8 L54 28 L10 50'],
  fork: ['M8 8 C8 60 52 60 52 8 M30 8 V94'],
  glass: ['M8 10 H52 L8 90 H52Z'],
  infinity: ['M30 50 C14 18 -2 34 2 50 C6 70 20 66 30 50 C44 22 62 34 58 50 C54 70 40 66 30 50Z'],
  lambda: ['M10 8 C30 8 34 60 54 94 M32 46 L8 94'],
  pi: ['M4 20 H56 M18 20 V90 M42 20 V90'],
  plus: ['M30 22 V78 M4 50 H56'],
  sigma: ['M52 10 H8 L32 50 L8 90 H52'],
  tick: ['M6 56 L24 84 L54 16'],
  triangle: ['M30 12 L56 84 H4Z'],
  umbrella: ['M4 48 C6 0 54 0 56 48Z M30 48 V84 C30 98 12 96 12 82'],
  wave: ['M4 58 C14 20 26 30 30 50 C36 74 48 76 56 40'],
};

/** Unknown signs that come to the door only afterwards. @type {Readonly<Record<string, readonly string[]>>} */
export const OTHERS = {
  D: ['M10 6 V94 C70 96 70 4 10 6'],
  J: ['M20 8 H52 M38 8 V70 C38 100 8 98 6 74'],
  L: ['M10 6 V92 H54'],
  R: ['M10 94 V6 C66 0 66 50 12 50 L54 94'],
  V: ['M6 6 L30 94 L54 6'],
  W: ['M4 6 L16 94 L30 40 L44 94 L56 6'],
  Y: ['M6 6 L30 48 L54 6 M30 48 V94'],
  bolt: ['M40 6 L14 54 H44 L18 94'],
  hash: ['M20 10 L14 90 M46 10 L40 90 M2 36 H58 M2 64 H58'],
  heart: ['M30 88 C-16 50 10 0 30 32 C50 0 76 50 30 88Z'],
  house: ['M8 92 V46 L30 12 L52 46 V92Z'],
  star: ['M30 8 L46 88 L2 38 H58 L14 88Z'],
};
