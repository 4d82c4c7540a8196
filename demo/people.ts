/**
 * Synthetic people for the demo: drawn, not photographed, so the project ships no one's face. A person is a seed, a
 * photograph is a second one; the same two give the same file. Only the demo and its tests use them.
 */
import sharp from 'sharp';
import { faceSvg } from './face-svg.ts';
import { poseOf, traitsOf } from './face-traits.ts';
import { createRandom } from './random.ts';

/** As a camera would send it: a fifth of the bytes of a PNG, whose lossless grain nobody needs. */
const JPEG_QUALITY = 90;

/** A colour JPEG of `size` x `size` pixels: the person's face in one pose, light and exposure, with sensor noise. */
export async function renderFace(personSeed: number, shotSeed: number, size: number): Promise<Buffer> {
  const pose = poseOf(personSeed, shotSeed);
  const drawn = sharp(Buffer.from(faceSvg(traitsOf(personSeed), pose, size)));
  // A little blur: drawn edges are sharper than a lens makes them.
  const { data, info } = await drawn.removeAlpha().blur(0.6).raw().toBuffer({ resolveWithObject: true });
  const random = createRandom(personSeed, shotSeed, 0x0153);
  for (let at = 0; at < data.length; at += info.channels) {
    const grain = pose.noise * (random.between(-1, 1) + random.between(-1, 1));
    for (let channel = 0; channel < info.channels; channel++)
      data[at + channel] = Math.max(0, Math.min(255, (data[at + channel] ?? 0) * pose.exposure + grain));
  }
  const { width, height, channels } = info;
  return sharp(data, { raw: { width, height, channels } }).jpeg({ quality: JPEG_QUALITY }).toBuffer();
}
