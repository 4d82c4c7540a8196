/**
 * Turns a face upright and cuts it out: the similarity (turn, size, shift) that puts both eyes where they belong, and the
 * pixels by it. Pure. Called by stage.ts.
 */
import type { FaceSettings } from '../../../contracts/configuration/faces.ts';
import type { Face } from './candidates.ts';

/** Red, green and blue of each pixel, row by row. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Point (x, y) of the result shows point (a x - b y + left, b x + a y + top) of the picture. */
export interface Similarity {
  readonly a: number;
  readonly b: number;
  readonly left: number;
  readonly top: number;
}

/** Samples along a side of one pixel of the result; a face 16 times as large still gives each of its pixels a say. */
const SAMPLES_MAX = 16;
/** With more of them than this, the mean of whole pixels is as good as that of values between them, at a third of the cost. */
const NEAREST_FROM = 2;

/** Both eyes level, in the middle, as far apart and down as `crop` says. */
export function similarityFor(
  { eyes: [one, other] }: Face,
  { eyesApart, eyesDown }: FaceSettings['crop'],
  { width, height }: { readonly width: number; readonly height: number },
): Similarity {
  const apart = eyesApart * width;
  const a = (other.x - one.x) / apart;
  const b = (other.y - one.y) / apart;
  const x = (width - apart) / 2;
  const y = eyesDown * height;
  return { a, b, left: one.x - a * x + b * y, top: one.y - b * x - a * y };
}

/** The mean of the samples within each pixel, so that nothing is jagged where the result is smaller. */
export function cutOut(picture: Pixels, { a, b, left, top }: Similarity, width: number, height: number): Pixels {
  const data = new Uint8Array(width * height * 3);
  const samples = Math.max(1, Math.min(SAMPLES_MAX, Math.ceil(Math.hypot(a, b))));
  const add = samples > NEAREST_FROM ? addNearest : addSample;
  const sum = new Float64Array(3);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      sum.fill(0);
      for (let at = 0; at < samples * samples; at++) {
        const x = column + ((at % samples) + 0.5) / samples;
        const y = row + (Math.floor(at / samples) + 0.5) / samples;
        add(picture, a * x - b * y + left, b * x + a * y + top, sum);
      }
      const to = (row * width + column) * 3;
      for (let channel = 0; channel < 3; channel++) data[to + channel] = Math.round(sum[channel]! / samples ** 2);
    }
  }
  return { data, width, height };
}

/** Between the four pixels around the point; beyond the picture its edge goes on. */
function addSample({ data, width, height }: Pixels, x: number, y: number, sum: Float64Array): void {
  const across = Math.min(Math.max(x - 0.5, 0), width - 1);
  const down = Math.min(Math.max(y - 0.5, 0), height - 1);
  const column = Math.floor(across);
  const row = Math.floor(down);
  const dx = across - column;
  const dy = down - row;
  const upper = (row * width + column) * 3;
  const aside = column + 1 < width ? 3 : 0;
  const lower = row + 1 < height ? upper + width * 3 : upper;
  for (let channel = 0; channel < 3; channel++) {
    const above = data[upper + channel]! * (1 - dx) + data[upper + aside + channel]! * dx;
    const below = data[lower + channel]! * (1 - dx) + data[lower + aside + channel]! * dx;
    sum[channel]! += above * (1 - dy) + below * dy;
  }
}

/** The pixel in which the point lies. */
function addNearest({ data, width, height }: Pixels, x: number, y: number, sum: Float64Array): void {
  const column = Math.min(Math.max(Math.floor(x), 0), width - 1);
  const row = Math.min(Math.max(Math.floor(y), 0), height - 1);
  const at = (row * width + column) * 3;
  sum[0]! += data[at]!;
  sum[1]! += data[at + 1]!;
  sum[2]! += data[at + 2]!;
}
