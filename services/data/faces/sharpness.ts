/**
 * How sharp a face is: the variance of its Laplacian as a share of the variance of its pixels, so that a dim photograph
 * is not taken for a blurred one. Measured at one size whatever the model's is. Pure. Called by stage.ts.
 */
import type { Pixels } from './align.ts';

/** Side of the picture in which sharpness is measured. */
export const SHARPNESS_SIDE = 64;

/** 0 for one colour; see docs/faces.md for what photographs have. */
export function sharpnessOf({ data, width, height }: Pixels): number {
  const grey = Float64Array.from({ length: width * height }, (_, at) => luma(data, at));
  const edges: number[] = [];
  for (let row = 1; row < height - 1; row++)
    for (let column = 1; column < width - 1; column++) {
      const at = row * width + column;
      edges.push(grey[at - width]! + grey[at + width]! + grey[at - 1]! + grey[at + 1]! - 4 * grey[at]!);
    }
  const contrast = variance(grey);
  return contrast === 0 ? 0 : variance(edges) / contrast;
}

/** ITU-R BT.601 */
const luma = (data: Uint8Array, at: number) =>
  0.299 * data[3 * at]! + 0.587 * data[3 * at + 1]! + 0.114 * data[3 * at + 2]!;

export function variance(values: ArrayLike<number>): number {
  let sum = 0;
  let squares = 0;
  for (let at = 0; at < values.length; at++) {
    sum += values[at]!;
    squares += values[at]! ** 2;
  }
  return Math.max(0, squares / values.length - (sum / values.length) ** 2);
}
