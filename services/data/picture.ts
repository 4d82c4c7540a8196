/**
 * What a picture shows, whatever file it lies in: the digest of its pixels, and its look. A file that is saved anew without
 * loss, with other metadata or with another compression has the same digest, and one with loss nearly the same look. Called
 * by the intake.
 */
import { createHash } from 'node:crypto';
import { decodeWhole } from './images.ts';
import { lookOf } from './look.ts';

export interface Picture {
  /** sha256:<hex> of its width, its height and its pixels in red, green and blue, upright. */
  readonly digest: string;
  readonly look: Uint8Array;
}

/** Of larger pictures, such as photographs, this size is hashed: 3 MiB of pixels, a few milliseconds. */
const SIDE_MAX = 1024;

/** Throws as `decodeImage`. */
export async function pictureOf(bytes: Uint8Array, what: string): Promise<Picture> {
  const { data, width, height } = await decodeWhole(bytes, SIDE_MAX, what);
  const digest = createHash('sha256').update(`${width}x${height}\n`).update(data).digest('hex');
  return { digest: `sha256:${digest}`, look: lookOf(greyOf(data), width, height) };
}

/** Weights as of ITU-R BT.601, in 256ths. */
function greyOf(rgb: Uint8Array): Uint8Array {
  const grey = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < grey.length; i++)
    grey[i] = (77 * rgb[3 * i]! + 150 * rgb[3 * i + 1]! + 29 * rgb[3 * i + 2]!) >> 8;
  return grey;
}
