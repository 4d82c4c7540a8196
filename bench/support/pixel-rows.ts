/** Images as rows of pixels, the input of the floors: a net that stays below them learns nothing of use. */
import type { LabelledImages } from '../../services/data/strategy.ts';
import { imageSize, zNormalise } from '../../services/training/input/pixels.ts';

/** Z-normalised per image, as the net sees them: of nearly one length. */
export function pixelRows(images: LabelledImages): Float32Array {
  const size = imageSize(images);
  const rows = new Float32Array(images.count * size);
  for (let at = 0; at < rows.length; at += size)
    zNormalise(images.pixels.subarray(at, at + size), rows.subarray(at, at + size));
  return rows;
}
