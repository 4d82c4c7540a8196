// @ts-check
/**
 * Draws badges with a digit or another sign on them, as a camera would see them: `node examples/badge-digits/draw.mjs badges`.
 * `digits` is what is enrolled, `street` shows unknown signs, `asked` has badges of both kinds that no night ever sees.
 * The same badges on every machine. docs/classes.md says what they are good for.
 */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { DIGITS, OTHERS, STREET } from './signs.mjs';

/** Side of a badge in pixels. */
const SIZE = 64;
/** Random numbers that a badge takes, besides one for each pixel. */
const DRAWS_MAX = 32;

/** @param {string} folder */
export async function drawBadges(folder) {
  await drawSigns(join(folder, 'digits'), DIGITS, { from: 0, count: 40 });
  await drawSigns(join(folder, 'street'), STREET, { from: 0, count: 10 });
  await drawSigns(join(folder, 'asked'), { ...DIGITS, ...OTHERS }, { from: 100, count: 10 });
}

/**
 * @param {string} folder
 * @param {Readonly<Record<string, readonly string[]>>} signs
 * @param {{ from: number, count: number }} badges
 */
async function drawSigns(folder, signs, { from, count }) {
  for (const [sign, hands] of Object.entries(signs)) {
    await mkdir(join(folder, sign), { recursive: true });
    const badges = Array.from({ length: count }, (_, index) => from + index);
    await Promise.all(
      badges.map(async (badge) => writeFile(join(folder, sign, `${badge}.png`), await drawBadge(sign, hands, badge))),
    );
  }
}

/**
 * @param {string} sign
 * @param {readonly string[]} hands
 * @param {number} badge
 * @returns {Promise<Buffer>} a grey PNG
 */
async function drawBadge(sign, hands, badge) {
  const bytes = createHash('shake256', { outputLength: 2 * DRAWS_MAX + SIZE * SIZE })
    .update(`${sign}/${badge}`)
    .digest();
  let drawn = 0;
  /** @param {number} least @param {number} most */
  const between = (least, most) => least + (bytes.readUInt16BE(2 * drawn++) / 2 ** 16) * (most - least);
  const svg = badgeSvg(/** @type {string} */ (hands[Math.floor(between(0, hands.length))]), between);
  const grain = between(0, 16);
  const pixels = await sharp(Buffer.from(svg)).greyscale().blur(between(0.4, 1)).raw().toBuffer();
  const noisy = pixels.map((value, at) => {
    const noise = (bytes.readUInt8(2 * DRAWS_MAX + at) / 255 - 0.5) * 2 * grain;
    return Math.max(0, Math.min(255, value + noise));
  });
  return sharp(noisy, { raw: { width: SIZE, height: SIZE, channels: 1 } })
    .png()
    .toBuffer();
}

/**
 * A plate with the sign on it, held a little askew, lit from one side.
 *
 * @param {string} path
 * @param {(least: number, most: number) => number} between
 */
function badgeSvg(path, between) {
  const grey = (/** @type {number} */ least, /** @type {number} */ most) => {
    const value = Math.round(between(least, most));
    return `rgb(${value},${value},${value})`;
  };
  const held = `translate(${between(46, 54)} ${between(46, 54)}) rotate(${between(-9, 9)}) skewX(${between(-9, 9)})`;
  const size = `scale(${between(0.58, 0.8)} ${between(0.66, 0.84)}) translate(-30 -50)`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE}" height="${SIZE}" viewBox="0 0 100 100">
    <defs><linearGradient id="light" gradientTransform="rotate(${between(0, 360)} 0.5 0.5)">
      <stop offset="0" stop-color="#fff" stop-opacity="${between(0, 0.3)}"/>
      <stop offset="1" stop-color="#000" stop-opacity="${between(0, 0.4)}"/>
    </linearGradient></defs>
    <rect width="100" height="100" fill="${grey(60, 140)}"/>
    <g transform="${held}">
      <rect x="-44" y="-46" width="88" height="92" rx="10" fill="${grey(190, 250)}"/>
      <path transform="${size}" d="${path}" fill="none" stroke="${grey(0, 70)}" stroke-width="${between(8, 15)}"
        stroke-linecap="round" stroke-linejoin="round"/>
    </g>
    <rect width="100" height="100" fill="url(#light)"/>
  </svg>`;
}

if (process.argv[1] === import.meta.filename) {
  const [, , folder] = process.argv;
  if (folder === undefined) {
    process.stderr.write('usage: node examples/badge-digits/draw.mjs <folder>\n');
    process.exitCode = 2;
  } else {
    await drawBadges(folder);
    process.stdout.write(`${folder}: digits to enrol, street with unknown signs, asked with what no night sees\n`);
  }
}
